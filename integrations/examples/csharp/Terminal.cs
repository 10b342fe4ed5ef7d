// A small complete terminal of the CTP relay: collects, proves itself, logs in, asks for the account, places an order that rests,
// loses its stream, resumes, cancels the order and logs out. The settings are environment variables; see ../README.md.
using System.Diagnostics;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using CtpRelay.Ctp.V1;
using CtpRelay.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

try
{
    var terminal = new Terminal();
    await terminal.LogIn();
    var account = await terminal.Query(new Request { QryTradingAccount = new QryTradingAccount() });
    Console.WriteLine($"account {account.RspQryTradingAccount.Balance}");

    var result = await terminal.Call(Terminal.LimitOrder(), $"example-{Environment.TickCount64}");
    var reference = result.OrderRef.Trim();
    await terminal.WaitFor(reference, OrderStatus.NoTradeQueueing, OrderStatus.PartTradedQueueing);

    Console.WriteLine("breaking");
    terminal.Break();
    await terminal.Resume();
    await terminal.Call(terminal.CancelOf(reference));
    await terminal.WaitFor(reference, OrderStatus.Canceled);
    await terminal.LogOut();
    return 0;
}
catch (Exception error)
{
    Console.Error.WriteLine(error.Message);
    return 1;
}

internal sealed class Terminal
{
    private readonly TerminalService.TerminalServiceClient client;
    private readonly Dictionary<string, OrderStatus> orders = new(); // reference -> last status, of this session's own orders
    private readonly Queue<RelayMessage> arrived = new();
    private AsyncDuplexStreamingCall<TerminalMessage, RelayBatch>? stream;
    private LoggedIn info = new();
    private ulong sequence;
    private int requestId;

    public Terminal()
    {
        var authority = new X509Certificate2(Setting("CTP_TERMINAL_CA_FILE"));
        var handler = new SocketsHttpHandler
        {
            KeepAlivePingDelay = TimeSpan.FromSeconds(20), // a dead connection is noticed; the relay takes pings down to 5 s
            KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { authority },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
        };
        var options = new GrpcChannelOptions { HttpHandler = handler, MaxReceiveMessageSize = 16 * 1024 * 1024 };
        client = new TerminalService.TerminalServiceClient(GrpcChannel.ForAddress("https://" + Setting("CTP_TERMINAL_RELAY"), options));
    }

    private static string Setting(string name, string? otherwise = null) =>
        Environment.GetEnvironmentVariable(name) ?? otherwise ?? throw new InvalidOperationException($"请设置 set {name}");

    // The collector stamps the time and differs at every call: run it for every login, and for no resume.
    private static JsonElement Collect()
    {
        var start = new ProcessStartInfo(Setting("CTP_COLLECT")) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Setting("CTP_TERMINAL_LIBRARY"));
        using var collector = Process.Start(start)!;
        collector.ErrorDataReceived += (_, _) => { };
        collector.BeginErrorReadLine();
        return JsonDocument.Parse(collector.StandardOutput.ReadToEnd()).RootElement;
    }

    private static ByteString Prove(ByteString timestamp)
    {
        var authCode = Encoding.ASCII.GetBytes(Setting("CTP_TERMINAL_AUTH_CODE"));
        if (authCode.Length != 16) throw new InvalidOperationException("授权码应为 16 个 ASCII 字符 the auth code is 16 ASCII characters");
        using var aes = Aes.Create();
        aes.Key = authCode;
        return ByteString.CopyFrom(aes.EncryptCbc(timestamp.Span, new byte[16], PaddingMode.None));
    }

    public async Task LogIn()
    {
        var collected = Collect();
        var length = collected.GetProperty("length").GetUInt32();
        var code = collected.GetProperty("code").GetUInt32();
        Console.WriteLine($"collected {length} {code}");
        sequence = 0;
        var login = new Login
        {
            BrokerId = Setting("CTP_TERMINAL_BROKER"),
            InvestorId = Setting("CTP_TERMINAL_INVESTOR"),
            Password = Setting("CTP_TERMINAL_PASSWORD"),
            SystemInfo = ByteString.CopyFrom(collected.GetProperty("system_info").GetBytesFromBase64()),
            SystemInfoLength = length,
            CollectorCode = code,
            CollectorVersion = collected.GetProperty("version").GetString(),
            ConfirmSettlement = true,
        };
        login.AuthInfo = await Challenge();
        await Enter(new TerminalMessage { Login = login });
    }

    public async Task Resume()
    {
        var proof = await Challenge();
        await Enter(new TerminalMessage { Resume = new Resume { ResumeToken = info.ResumeToken, AfterSequence = sequence, AuthInfo = proof } });
    }

    // As a cable that is pulled: the session stays at the relay.
    public void Break()
    {
        stream!.Dispose();
        arrived.Clear();
    }

    // Opens a stream, says hello, and returns the proof that this stream's login or resume needs.
    private async Task<ByteString> Challenge()
    {
        stream = client.Session();
        await Send(new TerminalMessage { Hello = new Hello { Protocol = 1, AppId = Setting("CTP_TERMINAL_APP_ID"), ClientVersion = "example-csharp 1" } });
        return Prove((await Next(m => m.Challenge != null)).Challenge.Timestamp);
    }

    private async Task Enter(TerminalMessage message)
    {
        await Send(message);
        info = (await Next(m => m.LoggedIn != null)).LoggedIn;
        Console.WriteLine($"logged_in {info.InvestorId} {info.FrontId} {info.SessionId} resumed={(info.Resumed ? 1 : 0)}");
    }

    private Task Send(TerminalMessage message) => stream!.RequestStream.WriteAsync(message);

    private async Task<RelayMessage> Next(Func<RelayMessage, bool> wanted)
    {
        for (;;)
        {
            while (arrived.TryDequeue(out var message))
            {
                Take(message);
                if (wanted(message)) return message;
            }
            if (!await stream!.ResponseStream.MoveNext(default)) throw new InvalidOperationException("流已断开 the stream is broken");
            foreach (var message in stream.ResponseStream.Current.Messages) arrived.Enqueue(message);
        }
    }

    private void Take(RelayMessage message)
    {
        if (message.Sequence != 0) sequence = message.Sequence; // what Resume says was the last
        if (message.Rejected != null) throw new InvalidOperationException($"{message.Rejected.Reason} {message.Rejected.Message}");
        var order = message.Event?.RtnOrder;
        if (order == null || order.FrontId != info.FrontId || order.SessionId != info.SessionId) return; // another program's
        orders[order.OrderRef.Trim()] = order.OrderStatus;
        Console.WriteLine($"order {order.OrderRef.Trim()} {order.OrderStatus}");
    }

    // Sends a request and returns its CallResult; events that come before it are taken on the way.
    public async Task<CallResult> Call(Request request, string orderKey = "")
    {
        var id = ++requestId; // never twice in a session: replayed answers keep their ids
        await Send(new TerminalMessage { Call = new Call { RequestId = id, Request = request, ClientOrderKey = orderKey } });
        var result = (await Next(m => m.CallResult?.RequestId == id)).CallResult;
        if (result.ReturnCode != 0) throw new InvalidOperationException($"{result.ReturnCode} {result.Rejected?.Reason}");
        return result;
    }

    public async Task<Event> Query(Request request)
    {
        await Call(request);
        return (await Next(m => m.Event?.RequestId == requestId && m.Event.IsLast)).Event;
    }

    // Waits until the order has one of these states; a notice may come before the CallResult, so those seen are kept.
    public async Task WaitFor(string reference, params OrderStatus[] states)
    {
        while (!states.Contains(orders.GetValueOrDefault(reference))) await Next(m => m.Event != null);
    }

    public async Task LogOut()
    {
        await Send(new TerminalMessage { Logout = new Logout() });
        Console.WriteLine($"goodbye {(await Next(m => m.Goodbye != null)).Goodbye.Kind}");
    }

    public static Request LimitOrder() => new()
    {
        OrderInsert = new InputOrder
        {
            InstrumentId = Setting("CTP_EXAMPLE_INSTRUMENT", "rb2701"),
            ExchangeId = Setting("CTP_EXAMPLE_EXCHANGE", "SHFE"),
            Direction = Direction.Buy,
            CombOffsetFlag = "0", // combined flags are strings, one character a leg
            CombHedgeFlag = "1",
            LimitPrice = double.Parse(Setting("CTP_EXAMPLE_PRICE"), System.Globalization.CultureInfo.InvariantCulture),
            VolumeTotalOriginal = 1,
            OrderPriceType = OrderPriceType.LimitPrice,
            TimeCondition = TimeCondition.Gfd,
            VolumeCondition = VolumeCondition.Av,
            ContingentCondition = ContingentCondition.Immediately,
            ForceCloseReason = ForceCloseReason.NotForceClose,
        },
    };

    public Request CancelOf(string reference) => new()
    {
        OrderAction = new InputOrderAction
        {
            InstrumentId = Setting("CTP_EXAMPLE_INSTRUMENT", "rb2701"),
            ExchangeId = Setting("CTP_EXAMPLE_EXCHANGE", "SHFE"),
            FrontId = info.FrontId,
            SessionId = info.SessionId,
            OrderRef = reference,
            ActionFlag = ActionFlag.Delete,
        },
    };
}

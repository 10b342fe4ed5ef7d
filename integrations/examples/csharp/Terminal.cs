// A small complete terminal of the CTP relay: collects, proves itself, logs in, asks for the account, places an order that rests,
// loses its stream, resumes, stays until standard input says a line or ends, cancels the order and logs out. It comes back after
// every break. The settings are environment variables; see ../README.md.
using System.Diagnostics;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using CtpRelay.Ctp.V1;
using CtpRelay.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

try
{
    var terminal = new Terminal();
    await terminal.Connect(fresh: true);
    var account = await terminal.Query(new Request { QryTradingAccount = new QryTradingAccount() });
    Console.WriteLine($"account {account.RspQryTradingAccount.Balance}");

    var reference = (await terminal.Place(Terminal.LimitOrder())).OrderRef.Trim();
    await terminal.WaitFor(reference, OrderStatus.NoTradeQueueing, OrderStatus.PartTradedQueueing);

    Console.WriteLine("breaking");
    terminal.Break();
    await terminal.ComeBack();
    Console.WriteLine("staying 按回车撤单并登出 Enter cancels the order and logs out");
    await terminal.Stay();
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

internal sealed class BrokenException : Exception
{
    public BrokenException() : base("流已断开 the stream is broken") { }
}

internal sealed class RefusedException : Exception
{
    public RefusedException(Rejected rejected) : base($"rejected {rejected.Reason} {rejected.Message} {rejected.Advice}") => Rejected = rejected;

    public Rejected Rejected { get; }
}

internal sealed class Terminal
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30), AnswerTime = TimeSpan.FromSeconds(60);

    private readonly TerminalService.TerminalServiceClient client;
    private readonly Dictionary<string, OrderStatus> orders = new(); // reference -> last status, of the orders placed here
    private Channel<RelayMessage> arrived = Channel.CreateUnbounded<RelayMessage>(); // completed where the stream is over
    private AsyncDuplexStreamingCall<TerminalMessage, RelayBatch>? stream;
    private LoggedIn info = new();
    private LoggedIn placed = new(); // the session in which the order was placed: the next login's may have other numbers
    private Goodbye.Types.Kind? goodbye; // the last word of this stream, if it had one
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

    // Logs in, or resumes the session, as often as it takes. Throws where the relay says that it makes no sense.
    public async Task Connect(bool fresh)
    {
        for (var pause = TimeSpan.FromSeconds(0.5); ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            var wait = pause;
            try
            {
                await (fresh ? LogIn() : Resume());
                return;
            }
            catch (BrokenException error)
            {
                Console.WriteLine(error.Message);
            }
            catch (RefusedException error) when (error.Rejected.RetryAfterSeconds > 0 || (!fresh && error.Rejected.Reason == "session_gone"))
            {
                Console.WriteLine(error.Message);
                var gone = !fresh && error.Rejected.Reason == "session_gone";
                var retryAfter = TimeSpan.FromSeconds(error.Rejected.RetryAfterSeconds);
                wait = gone ? TimeSpan.Zero : retryAfter > pause ? retryAfter : pause;
                fresh |= gone;
            }
            Break();
            await Task.Delay(wait);
        }
    }

    // After a stream that is over: what the relay said last decides whether the session is, too.
    public Task ComeBack() => goodbye switch
    {
        null or Goodbye.Types.Kind.SlowReader or Goodbye.Types.Kind.StreamFault => Connect(fresh: false),
        Goodbye.Types.Kind.RelayStopping or Goodbye.Types.Kind.RelayFault => Connect(fresh: true),
        _ => throw new InvalidOperationException($"goodbye {goodbye}"),
    };

    private async Task LogIn()
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

    private async Task Resume()
    {
        var proof = await Challenge();
        await Enter(new TerminalMessage { Resume = new Resume { ResumeToken = info.ResumeToken, AfterSequence = sequence, AuthInfo = proof } });
    }

    // As a cable that is pulled: the session stays at the relay.
    public void Break() => stream?.Dispose();

    // Opens a stream, says hello, and returns the proof that this stream's login or resume needs.
    private async Task<ByteString> Challenge()
    {
        stream?.Dispose();
        stream = client.Session();
        arrived = Channel.CreateUnbounded<RelayMessage>();
        goodbye = null;
        _ = Read(stream, arrived.Writer);
        await Send(new TerminalMessage { Hello = new Hello { Protocol = 1, AppId = Setting("CTP_TERMINAL_APP_ID"), ClientVersion = "example-csharp 1" } });
        return Prove((await Receive(m => m.Challenge != null)).Challenge.Timestamp);
    }

    private static async Task Read(AsyncDuplexStreamingCall<TerminalMessage, RelayBatch> from, ChannelWriter<RelayMessage> to)
    {
        try
        {
            while (await from.ResponseStream.MoveNext(default))
            {
                foreach (var message in from.ResponseStream.Current.Messages) to.TryWrite(message);
            }
        }
        catch (Exception error) when (error is RpcException or ObjectDisposedException or InvalidOperationException)
        {
            // the stream is over
        }
        to.TryComplete();
    }

    private async Task Enter(TerminalMessage message)
    {
        await Send(message);
        await Receive(m => m.LoggedIn != null);
        Console.WriteLine($"logged_in {info.InvestorId} {info.FrontId} {info.SessionId} resumed={(info.Resumed ? 1 : 0)}");
    }

    private async Task Send(TerminalMessage message)
    {
        try
        {
            await stream!.RequestStream.WriteAsync(message);
        }
        catch (Exception error) when (error is RpcException or ObjectDisposedException or InvalidOperationException)
        {
            // where the line is broken, what waits for an answer learns it
        }
    }

    // The next message that is wanted, of this stream.
    private async Task<RelayMessage> Receive(Func<RelayMessage, bool> wanted)
    {
        using var late = new CancellationTokenSource(AnswerTime);
        while (await arrived.Reader.WaitToReadAsync(late.Token))
        {
            while (arrived.Reader.TryRead(out var message))
            {
                Take(message);
                if (wanted(message)) return message;
            }
        }
        throw new BrokenException();
    }

    // The same, over breaks; what was missed comes after the stream was resumed.
    private async Task<RelayMessage> Next(Func<RelayMessage, bool> wanted)
    {
        for (;;)
        {
            try
            {
                return await Receive(wanted);
            }
            catch (BrokenException)
            {
                await ComeBack();
                if (!info.Resumed) throw new InvalidOperationException("会话已换，先查询再重发 a new session: look before repeating");
            }
        }
    }

    // Takes what comes, and comes back after each break, until standard input says a line or ends.
    public async Task Stay()
    {
        var user = Task.Run(Console.In.ReadLine);
        while (!user.IsCompleted)
        {
            var more = arrived.Reader.WaitToReadAsync().AsTask();
            if (await Task.WhenAny(user, more) == user) return;
            if (!await more) await ComeBack();
            while (arrived.Reader.TryRead(out var message)) Take(message);
        }
    }

    private void Take(RelayMessage message)
    {
        if (message.Sequence != 0) sequence = message.Sequence; // what Resume says was the last
        if (message.Rejected != null) throw new RefusedException(message.Rejected);
        if (message.LoggedIn != null) info = message.LoggedIn; // at once: events may follow it
        if (message.Goodbye != null) goodbye = message.Goodbye.Kind;
        var order = message.Event?.RtnOrder;
        if (order == null || order.FrontId != placed.FrontId || order.SessionId != placed.SessionId) return; // another program's
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

    public Task<CallResult> Place(Request order)
    {
        placed = info;
        return Call(order, $"example-{DateTime.UtcNow.Ticks}");
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
            FrontId = placed.FrontId,
            SessionId = placed.SessionId,
            OrderRef = reference,
            ActionFlag = ActionFlag.Delete,
        },
    };
}

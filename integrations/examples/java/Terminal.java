// A small complete terminal of the CTP relay: collects, proves itself, logs in, asks for the account, places an order that rests,
// loses its stream, resumes, stays until standard input says a line or ends, cancels the order and logs out. It comes back after
// every break. The settings are environment variables; see ../README.md.

import com.google.protobuf.ByteString;
import ctprelay.ctp.v1.ActionFlag;
import ctprelay.ctp.v1.ContingentCondition;
import ctprelay.ctp.v1.Direction;
import ctprelay.ctp.v1.Event;
import ctprelay.ctp.v1.ForceCloseReason;
import ctprelay.ctp.v1.InputOrder;
import ctprelay.ctp.v1.InputOrderAction;
import ctprelay.ctp.v1.Order;
import ctprelay.ctp.v1.OrderPriceType;
import ctprelay.ctp.v1.OrderStatus;
import ctprelay.ctp.v1.QryTradingAccount;
import ctprelay.ctp.v1.Request;
import ctprelay.ctp.v1.TimeCondition;
import ctprelay.ctp.v1.VolumeCondition;
import ctprelay.v1.Call;
import ctprelay.v1.CallResult;
import ctprelay.v1.Goodbye;
import ctprelay.v1.Hello;
import ctprelay.v1.LoggedIn;
import ctprelay.v1.Login;
import ctprelay.v1.Logout;
import ctprelay.v1.RelayBatch;
import ctprelay.v1.Rejected;
import ctprelay.v1.RelayMessage;
import ctprelay.v1.Resume;
import ctprelay.v1.TerminalMessage;
import ctprelay.v1.TerminalServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

public final class Terminal {
    private static final RelayMessage BROKEN = RelayMessage.newBuilder().build(); // the stream is over
    private static final int LONGEST_PAUSE = 30_000;

    private final ManagedChannel channel;
    private final Map<String, OrderStatus> orders = new HashMap<>(); // reference -> last status, of this session's own orders
    private LinkedBlockingQueue<RelayMessage> arrived = new LinkedBlockingQueue<>();
    private ClientCallStreamObserver<TerminalMessage> stream;
    private LoggedIn info = LoggedIn.getDefaultInstance();
    private LoggedIn placed = info; // the session in which the order was placed: the next login's may have other numbers
    private Goodbye goodbye; // the last word of this stream, if it had one
    private volatile boolean leaving;
    private long sequence;
    private int requestId;

    Terminal() throws Exception {
        channel = NettyChannelBuilder.forTarget(setting("CTP_TERMINAL_RELAY", null))
                .sslContext(GrpcSslContexts.forClient().trustManager(new File(setting("CTP_TERMINAL_CA_FILE", null))).build())
                .keepAliveTime(20, TimeUnit.SECONDS) // a dead connection is noticed; the relay takes pings down to 5 s
                .keepAliveTimeout(10, TimeUnit.SECONDS)
                .maxInboundMessageSize(16 * 1024 * 1024)
                .build();
    }

    static final class Broken extends Exception {
        Broken() {
            super("流已断开 the stream is broken");
        }
    }

    static final class Refused extends Exception {
        final Rejected rejected;

        Refused(Rejected rejected) {
            super("rejected " + rejected.getReason() + " " + rejected.getMessage() + " " + rejected.getAdvice());
            this.rejected = rejected;
        }
    }

    static String setting(String name, String otherwise) {
        String value = System.getenv().getOrDefault(name, otherwise);
        if (value == null) {
            throw new IllegalStateException("请设置 set " + name);
        }
        return value;
    }

    /** One member of the collector's JSON. The collector differs at every call: run it for every login, and for no resume. */
    static String member(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\": \"?([^\",}]*)").matcher(json);
        if (!found.find()) {
            throw new IllegalStateException("采集失败 the collector failed");
        }
        return found.group(1);
    }

    static String collect() throws Exception {
        Process collector = new ProcessBuilder(setting("CTP_COLLECT", null), setting("CTP_TERMINAL_LIBRARY", null))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        return new String(collector.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    static ByteString prove(ByteString timestamp) throws Exception {
        byte[] authCode = setting("CTP_TERMINAL_AUTH_CODE", null).getBytes(StandardCharsets.US_ASCII);
        if (authCode.length != 16) {
            throw new IllegalStateException("授权码应为 16 个 ASCII 字符 the auth code is 16 ASCII characters");
        }
        Cipher cipher = Cipher.getInstance("AES/CBC/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(authCode, "AES"), new IvParameterSpec(new byte[16]));
        return ByteString.copyFrom(cipher.doFinal(timestamp.toByteArray()));
    }

    /** Logs in, or resumes the session, as often as it takes. Throws where the relay says that it makes no sense. */
    void connect(boolean fresh) throws Exception {
        for (long pause = 500; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
            long wait = pause;
            try {
                if (fresh) {
                    logIn();
                } else {
                    resume();
                }
                return;
            } catch (Broken broken) {
                System.out.println(broken.getMessage());
            } catch (Refused refused) {
                boolean gone = !fresh && refused.rejected.getReason().equals("session_gone");
                long retryAfter = 1000L * refused.rejected.getRetryAfterSeconds();
                if (!gone && retryAfter == 0) {
                    throw refused;
                }
                System.out.println(refused.getMessage());
                fresh |= gone;
                wait = gone ? 0 : Math.max(pause, retryAfter);
            }
            breakStream();
            Thread.sleep(wait);
        }
    }

    /** After a stream that is over: what the relay said last decides whether the session is, too. */
    void comeBack() throws Exception {
        if (goodbye == null) { // nothing: the line is broken
            connect(false);
            return;
        }
        switch (goodbye.getKind()) {
            case KIND_SLOW_READER:
            case KIND_STREAM_FAULT:
                connect(false);
                break;
            case KIND_RELAY_STOPPING:
            case KIND_RELAY_FAULT:
                connect(true);
                break;
            default:
                throw new IllegalStateException("goodbye " + goodbye.getKind());
        }
    }

    private void logIn() throws Exception {
        String collected = collect();
        int length = Integer.parseInt(member(collected, "length"));
        int code = Integer.parseInt(member(collected, "code"));
        System.out.println("collected " + length + " " + code);
        sequence = 0;
        Login.Builder login = Login.newBuilder()
                .setBrokerId(setting("CTP_TERMINAL_BROKER", null))
                .setInvestorId(setting("CTP_TERMINAL_INVESTOR", null))
                .setPassword(setting("CTP_TERMINAL_PASSWORD", null))
                .setSystemInfo(ByteString.copyFrom(Base64.getDecoder().decode(member(collected, "system_info"))))
                .setSystemInfoLength(length)
                .setCollectorCode(code)
                .setCollectorVersion(member(collected, "version"))
                .setConfirmSettlement(true);
        enter(TerminalMessage.newBuilder().setLogin(login.setAuthInfo(challenge())));
    }

    private void resume() throws Exception {
        Resume.Builder resume = Resume.newBuilder().setResumeToken(info.getResumeToken()).setAfterSequence(sequence);
        enter(TerminalMessage.newBuilder().setResume(resume.setAuthInfo(challenge())));
    }

    /** As a cable that is pulled: the session stays at the relay. */
    void breakStream() {
        if (stream != null) {
            stream.cancel("broken", null);
        }
    }

    /** Opens a stream, says hello, and returns the proof that this stream's login or resume needs. */
    private ByteString challenge() throws Exception {
        LinkedBlockingQueue<RelayMessage> queue = new LinkedBlockingQueue<>();
        arrived = queue; // what an older stream still brings goes to its own queue
        goodbye = null;
        stream = (ClientCallStreamObserver<TerminalMessage>) TerminalServiceGrpc.newStub(channel).session(new StreamObserver<RelayBatch>() {
            @Override
            public void onNext(RelayBatch batch) {
                queue.addAll(batch.getMessagesList());
            }

            @Override
            public void onError(Throwable error) {
                queue.add(BROKEN);
            }

            @Override
            public void onCompleted() {
                queue.add(BROKEN);
            }
        });
        Hello hello = Hello.newBuilder().setProtocol(1).setAppId(setting("CTP_TERMINAL_APP_ID", null)).setClientVersion("example-java 1").build();
        send(TerminalMessage.newBuilder().setHello(hello));
        return prove(receive(RelayMessage::hasChallenge).getChallenge().getTimestamp());
    }

    private void enter(TerminalMessage.Builder message) throws Exception {
        send(message);
        receive(RelayMessage::hasLoggedIn);
        System.out.printf("logged_in %s %d %d resumed=%d%n", info.getInvestorId(), info.getFrontId(), info.getSessionId(), info.getResumed() ? 1 : 0);
    }

    private void send(TerminalMessage.Builder message) {
        try {
            stream.onNext(message.build());
        } catch (IllegalStateException over) {
            // where the line is broken, what waits for an answer learns it
        }
    }

    /** The next message that is wanted, of this stream. */
    private RelayMessage receive(Predicate<RelayMessage> wanted) throws Exception {
        for (;;) {
            RelayMessage message = arrived.poll(60, TimeUnit.SECONDS);
            if (message == null) {
                throw new IllegalStateException("没有收到应答 no answer came");
            }
            if (message == BROKEN) {
                throw new Broken();
            }
            take(message);
            if (wanted.test(message)) {
                return message;
            }
        }
    }

    /** The same, over breaks; what was missed comes after the stream was resumed. */
    private RelayMessage next(Predicate<RelayMessage> wanted) throws Exception {
        for (;;) {
            try {
                return receive(wanted);
            } catch (Broken broken) {
                comeBack();
                if (!info.getResumed()) {
                    throw new IllegalStateException("会话已换，先查询再重发 a new session: look before repeating");
                }
            }
        }
    }

    /** Takes what comes, and comes back after each break, until the user is done. */
    void stay() throws Exception {
        Thread user = new Thread(() -> {
            try {
                System.in.read();
            } catch (java.io.IOException closed) {
                // as the end of it
            }
            leaving = true;
        });
        user.setDaemon(true);
        user.start();
        while (!leaving) {
            RelayMessage message = arrived.poll(100, TimeUnit.MILLISECONDS);
            if (message == BROKEN) {
                comeBack();
            } else if (message != null) {
                take(message);
            }
        }
    }

    private void take(RelayMessage message) throws Refused {
        if (message.getSequence() != 0) {
            sequence = message.getSequence(); // what Resume says was the last
        }
        if (message.hasRejected()) {
            throw new Refused(message.getRejected());
        }
        if (message.hasLoggedIn()) {
            info = message.getLoggedIn(); // at once: events may follow it
        }
        if (message.hasGoodbye()) {
            goodbye = message.getGoodbye();
        }
        Order order = message.getEvent().getRtnOrder();
        boolean own = order.getFrontId() == placed.getFrontId() && order.getSessionId() == placed.getSessionId();
        if (message.getEvent().hasRtnOrder() && own) { // else another program's
            orders.put(order.getOrderRef().trim(), order.getOrderStatus());
            System.out.println("order " + order.getOrderRef().trim() + " " + order.getOrderStatus());
        }
    }

    /** Sends a request and returns its CallResult; events that come before it are taken on the way. */
    CallResult call(Request request, String orderKey) throws Exception {
        int id = ++requestId; // never twice in a session: replayed answers keep their ids
        Call call = Call.newBuilder().setRequestId(id).setRequest(request).setClientOrderKey(orderKey).build();
        send(TerminalMessage.newBuilder().setCall(call));
        CallResult result = next(m -> m.hasCallResult() && m.getCallResult().getRequestId() == id).getCallResult();
        if (result.getReturnCode() != 0) {
            throw new IllegalStateException(result.getReturnCode() + " " + result.getRejected().getReason());
        }
        return result;
    }

    CallResult place(Request order) throws Exception {
        placed = info;
        return call(order, "example-" + System.nanoTime());
    }

    Event query(Request request) throws Exception {
        call(request, "");
        return next(m -> m.getEvent().getRequestId() == requestId && m.getEvent().getIsLast()).getEvent();
    }

    /** Waits until the order has one of these states; a notice may come before the CallResult, so those seen are kept. */
    void waitFor(String reference, List<OrderStatus> states) throws Exception {
        while (!states.contains(orders.getOrDefault(reference, OrderStatus.UNRECOGNIZED))) {
            next(RelayMessage::hasEvent);
        }
    }

    void logOut() throws Exception {
        send(TerminalMessage.newBuilder().setLogout(Logout.getDefaultInstance()));
        System.out.println("goodbye " + next(RelayMessage::hasGoodbye).getGoodbye().getKind());
        channel.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
    }

    static Request limitOrder() {
        return Request.newBuilder().setOrderInsert(InputOrder.newBuilder()
                .setInstrumentId(setting("CTP_EXAMPLE_INSTRUMENT", "rb2701"))
                .setExchangeId(setting("CTP_EXAMPLE_EXCHANGE", "SHFE"))
                .setDirection(Direction.DIRECTION_BUY)
                .setCombOffsetFlag("0") // combined flags are strings, one character a leg
                .setCombHedgeFlag("1")
                .setLimitPrice(Double.parseDouble(setting("CTP_EXAMPLE_PRICE", null)))
                .setVolumeTotalOriginal(1)
                .setOrderPriceType(OrderPriceType.ORDER_PRICE_TYPE_LIMIT_PRICE)
                .setTimeCondition(TimeCondition.TIME_CONDITION_GFD)
                .setVolumeCondition(VolumeCondition.VOLUME_CONDITION_AV)
                .setContingentCondition(ContingentCondition.CONTINGENT_CONDITION_IMMEDIATELY)
                .setForceCloseReason(ForceCloseReason.FORCE_CLOSE_REASON_NOT_FORCE_CLOSE)).build();
    }

    Request cancelOf(String reference) {
        return Request.newBuilder().setOrderAction(InputOrderAction.newBuilder()
                .setInstrumentId(setting("CTP_EXAMPLE_INSTRUMENT", "rb2701"))
                .setExchangeId(setting("CTP_EXAMPLE_EXCHANGE", "SHFE"))
                .setFrontId(placed.getFrontId())
                .setSessionId(placed.getSessionId())
                .setOrderRef(reference)
                .setActionFlag(ActionFlag.ACTION_FLAG_DELETE)).build();
    }

    public static void main(String[] words) {
        try {
            Terminal terminal = new Terminal();
            terminal.connect(true);
            Event account = terminal.query(Request.newBuilder().setQryTradingAccount(QryTradingAccount.getDefaultInstance()).build());
            System.out.println("account " + account.getRspQryTradingAccount().getBalance());

            String reference = terminal.place(limitOrder()).getOrderRef().trim();
            terminal.waitFor(reference, List.of(OrderStatus.ORDER_STATUS_NO_TRADE_QUEUEING, OrderStatus.ORDER_STATUS_PART_TRADED_QUEUEING));

            System.out.println("breaking");
            terminal.breakStream();
            terminal.comeBack();
            System.out.println("staying 按回车撤单并登出 Enter cancels the order and logs out");
            terminal.stay();
            terminal.call(terminal.cancelOf(reference), "");
            terminal.waitFor(reference, List.of(OrderStatus.ORDER_STATUS_CANCELED));
            terminal.logOut();
            System.exit(0);
        } catch (Exception error) {
            System.err.println(error.getMessage());
            System.exit(1);
        }
    }
}

// A program in Java as such programs are: JNA, the vendor's C++ interface, and nothing of a relay.
// Where methods stand in the vtables and fields in the structs comes from a file, as generated wrappers have it.
import com.sun.jna.Callback;
import com.sun.jna.CallbackReference;
import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.FileReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

public final class JnaTrader {
  public interface Connected extends Callback { void call(Pointer spi); }
  public interface Answered extends Callback { void call(Pointer spi, Pointer field, Pointer info, int request, boolean last); }
  public interface Noticed extends Callback { void call(Pointer spi, Pointer field); }
  public interface Ignored extends Callback { void call(); }

  private static final Properties PLACES = new Properties();
  private static final LinkedBlockingQueue<String> HEARD = new LinkedBlockingQueue<>();
  private static final List<Object> KEPT = new ArrayList<>();  // the garbage collector must not take what C++ uses
  private static Pointer api;

  private static int place(String name) { return Integer.parseInt(PLACES.getProperty(name)); }

  private static int call(String method, Object... arguments) {
    Object[] all = new Object[arguments.length + 1];
    all[0] = api;
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    Pointer entry = api.getPointer(0).getPointer(8L * place("api." + method));
    return Function.getFunction(entry).invokeInt(all);
  }

  private static Memory struct(String kind, String... values) {
    Memory memory = new Memory(place(kind));
    memory.clear();
    for (int i = 0; i < values.length; i += 2) {
      byte[] text = values[i + 1].getBytes(java.nio.charset.StandardCharsets.US_ASCII);
      memory.write(place(kind + "." + values[i]), text, 0, text.length);
    }
    return memory;
  }

  private static String text(Pointer field, String name) { return field.getString(place(name), "GB18030"); }

  private static int error(Pointer info) { return info == null ? 0 : info.getInt(0); }

  private static Pointer spi() {
    int count = place("spi");
    Memory table = new Memory(8L * count), object = new Memory(8);
    Ignored ignored = () -> { };
    KEPT.add(ignored);
    for (int i = 0; i < count; i++) table.setPointer(8L * i, CallbackReference.getFunctionPointer(ignored));
    hear(table, "OnFrontConnected", (Connected) self -> HEARD.add("connected"));
    for (String name : new String[] {"OnRspAuthenticate", "OnRspUserLogin", "OnRspSettlementInfoConfirm", "OnRspOrderInsert"}) {
      hear(table, name, (Answered) (self, field, info, request, last) -> HEARD.add(name + " " + request + " " + error(info)));
    }
    hear(table, "OnRtnOrder", (Noticed) (self, order) ->
        HEARD.add("order " + text(order, "Order.OrderRef").trim() + " " + (char) order.getByte(place("Order.OrderStatus")) + " " + text(order, "Order.StatusMsg")));
    object.setPointer(0, table);
    KEPT.add(table);
    KEPT.add(object);
    return object;
  }

  private static void hear(Memory table, String name, Callback callback) {
    KEPT.add(callback);
    table.setPointer(8L * place("spi." + name), CallbackReference.getFunctionPointer(callback));
  }

  private static String until(String start) throws InterruptedException {
    while (true) {
      String line = HEARD.poll(40, TimeUnit.SECONDS);
      if (line == null) throw new IllegalStateException("never heard: " + start);
      System.out.println(line);
      if (line.startsWith(start)) return line;
    }
  }

  // LIBRARY PLACES BROKER USER PASSWORD APPID AUTHCODE
  public static void main(String[] words) throws Exception {
    System.setOut(new java.io.PrintStream(System.out, true, "UTF-8"));
    try (FileReader file = new FileReader(words[1])) { PLACES.load(file); }
    NativeLibrary vendor = NativeLibrary.getInstance(words[0]);
    System.out.println("version " + vendor.getFunction("_ZN19CThostFtdcTraderApi13GetApiVersionEv").invokePointer(new Object[0]).getString(0));
    api = vendor.getFunction("_ZN19CThostFtdcTraderApi19CreateFtdcTraderApiEPKcb").invokePointer(new Object[] {"", (byte) 1});
    Pointer spi = spi();
    call("RegisterSpi", spi);
    call("SubscribePrivateTopic", 2);
    call("RegisterFront", "tcp://203.0.113.7:41205");
    call("Init");
    until("connected");
    call("ReqAuthenticate", struct("ReqAuthenticate", "BrokerID", words[2], "UserID", words[3], "AppID", words[5], "AuthCode", words[6]), 1);
    until("OnRspAuthenticate");
    call("ReqUserLogin", struct("ReqUserLogin", "BrokerID", words[2], "UserID", words[3], "Password", words[4]), 2);
    until("OnRspUserLogin");
    call("ReqSettlementInfoConfirm", struct("SettlementInfoConfirm", "BrokerID", words[2], "InvestorID", words[3]), 3);
    until("OnRspSettlementInfoConfirm");
    Memory order = struct("InputOrder", "BrokerID", words[2], "InvestorID", words[3], "InstrumentID", "rb2701", "ExchangeID", "SHFE",
        "OrderRef", "1", "OrderPriceType", "2", "Direction", "0", "CombOffsetFlag", "0", "CombHedgeFlag", "1", "TimeCondition", "3",
        "VolumeCondition", "1", "ContingentCondition", "1", "ForceCloseReason", "0");
    order.setDouble(place("InputOrder.LimitPrice"), 3501.0);
    order.setInt(place("InputOrder.VolumeTotalOriginal"), 1);
    System.out.println("sent " + call("ReqOrderInsert", order, 4));
    until("order 1 0");
    call("RegisterSpi", Pointer.NULL);
    call("Release");
    System.out.println("done");
    System.exit(0);
  }
}

// A small complete terminal of the CTP relay: collects, proves itself, logs in, asks for the account, places an order that rests,
// loses its stream, resumes, stays until standard input says a line or ends, cancels the order and logs out. It comes back after
// every break. The settings are environment variables; see ../README.md.
package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"

	"ctprelay/ctppb"
	"ctprelay/relaypb"
)

const authCodeBytes, challengeBytes = 16, 128
const answerSeconds, longestPause = 60 * time.Second, 30 * time.Second

var errBroken = errors.New("流已断开 the stream is broken")
var errNewSession = errors.New("会话已换，先查询再重发 a new session: look before repeating")

type refusal struct{ rejected *relaypb.Rejected }

func (r refusal) Error() string {
	return fmt.Sprint("rejected ", r.rejected.Reason, " ", r.rejected.Message, " ", r.rejected.Advice)
}

func setting(name string, otherwise ...string) string {
	value, found := os.LookupEnv(name)
	if !found && len(otherwise) == 1 {
		return otherwise[0]
	}
	if !found {
		panic(errors.New("请设置 set " + name))
	}
	return value
}

type collected struct {
	SystemInfo []byte `json:"system_info"` // base64 in JSON
	Length     uint32 `json:"length"`
	Code       uint32 `json:"code"`
	Version    string `json:"version"`
}

// The collector stamps the time and differs at every call: run it for every login, and for no resume.
func collect() (*collected, error) {
	output, err := exec.Command(setting("CTP_COLLECT"), setting("CTP_TERMINAL_LIBRARY")).Output()
	if err != nil {
		return nil, fmt.Errorf("采集失败 the collector failed: %w", err)
	}
	result := &collected{}
	return result, json.Unmarshal(output, result)
}

func prove(authCode string, timestamp []byte) ([]byte, error) {
	if len(authCode) != authCodeBytes || len(timestamp) != challengeBytes {
		return nil, errors.New("授权码应为 16 个 ASCII 字符 the auth code is 16 ASCII characters")
	}
	block, err := aes.NewCipher([]byte(authCode))
	if err != nil {
		return nil, err
	}
	proof := make([]byte, challengeBytes)
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(proof, timestamp)
	return proof, nil
}

type terminal struct {
	client   relaypb.TerminalServiceClient
	stream   relaypb.TerminalService_SessionClient
	cancel   context.CancelFunc
	arrived  chan *relaypb.RelayMessage // closed where the stream is over
	info     *relaypb.LoggedIn
	placed   *relaypb.LoggedIn // the session in which the order was placed: the next login's may have other numbers
	goodbye  *relaypb.Goodbye  // the last word of this stream, if it had one
	sequence uint64
	request  int32
	orders   map[string]ctppb.OrderStatus // reference -> last status, of the orders placed here
}

func dial() (*terminal, error) {
	authority, err := os.ReadFile(setting("CTP_TERMINAL_CA_FILE"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("CTP_TERMINAL_CA_FILE 中没有证书 has no certificate")
	}
	connection, err := grpc.Dial(setting("CTP_TERMINAL_RELAY"),
		grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, "")),
		// A dead connection is noticed; the relay takes pings down to 5 s.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16*1024*1024)))
	if err != nil {
		return nil, err
	}
	return &terminal{client: relaypb.NewTerminalServiceClient(connection), cancel: func() {}, orders: map[string]ctppb.OrderStatus{}}, nil
}

// connect logs in, or resumes the session, as often as it takes. An error says that it makes no sense.
func (t *terminal) connect(fresh bool) error {
	for pause := time.Second / 2; ; pause *= 2 {
		if pause > longestPause {
			pause = longestPause
		}
		var err error
		if fresh {
			err = t.logIn()
		} else {
			err = t.resume()
		}
		wait := pause
		if refused, is := err.(refusal); is {
			gone := !fresh && refused.rejected.Reason == "session_gone"
			if !gone && refused.rejected.RetryAfterSeconds == 0 {
				return err
			}
			if asked := time.Duration(refused.rejected.RetryAfterSeconds) * time.Second; asked > pause {
				wait = asked
			}
			if gone {
				fresh, wait = true, 0
			}
		} else if !errors.Is(err, errBroken) {
			return err
		}
		t.cancel()
		fmt.Println(err)
		time.Sleep(wait)
	}
}

// comeBack is for a stream that is over: what the relay said last decides whether the session is, too.
func (t *terminal) comeBack() error {
	if t.goodbye == nil {
		return t.connect(false) // it said nothing: the line is broken
	}
	switch t.goodbye.Kind {
	case relaypb.Goodbye_KIND_SLOW_READER, relaypb.Goodbye_KIND_STREAM_FAULT:
		return t.connect(false)
	case relaypb.Goodbye_KIND_RELAY_STOPPING, relaypb.Goodbye_KIND_RELAY_FAULT:
		return t.connect(true)
	}
	return fmt.Errorf("goodbye %s", t.goodbye.Kind)
}

// read passes on what comes on one stream.
func read(stream relaypb.TerminalService_SessionClient, arrived chan<- *relaypb.RelayMessage) {
	defer close(arrived)
	for {
		batch, err := stream.Recv()
		if err != nil {
			return
		}
		for _, message := range batch.Messages {
			select {
			case arrived <- message:
			case <-stream.Context().Done():
				return
			}
		}
	}
}

// challenge opens a stream, says hello and returns the proof that this stream's login or resume needs.
func (t *terminal) challenge() ([]byte, error) {
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := t.client.Session(ctx)
	if err != nil {
		cancel()
		return nil, errBroken
	}
	arrived := make(chan *relaypb.RelayMessage, 256)
	t.stream, t.cancel, t.arrived, t.goodbye = stream, cancel, arrived, nil
	go read(stream, arrived)
	hello := &relaypb.Hello{Protocol: 1, AppId: setting("CTP_TERMINAL_APP_ID"), ClientVersion: "example-go 1"}
	t.send(&relaypb.TerminalMessage{Body: &relaypb.TerminalMessage_Hello{Hello: hello}})
	answer, err := t.receive(func(m *relaypb.RelayMessage) bool { return m.GetChallenge() != nil })
	if err != nil {
		return nil, err
	}
	return prove(setting("CTP_TERMINAL_AUTH_CODE"), answer.GetChallenge().Timestamp)
}

func (t *terminal) logIn() error {
	info, err := collect()
	if err != nil {
		return err
	}
	fmt.Println("collected", info.Length, info.Code)
	proof, err := t.challenge()
	if err != nil {
		return err
	}
	t.sequence = 0
	return t.enter(&relaypb.TerminalMessage{Body: &relaypb.TerminalMessage_Login{Login: &relaypb.Login{
		AuthInfo:          proof,
		BrokerId:          setting("CTP_TERMINAL_BROKER"),
		InvestorId:        setting("CTP_TERMINAL_INVESTOR"),
		Password:          setting("CTP_TERMINAL_PASSWORD"),
		SystemInfo:        info.SystemInfo,
		SystemInfoLength:  info.Length,
		CollectorCode:     info.Code,
		CollectorVersion:  info.Version,
		ConfirmSettlement: true,
	}}})
}

func (t *terminal) resume() error {
	proof, err := t.challenge()
	if err != nil {
		return err
	}
	resume := &relaypb.Resume{ResumeToken: t.info.ResumeToken, AfterSequence: t.sequence, AuthInfo: proof}
	return t.enter(&relaypb.TerminalMessage{Body: &relaypb.TerminalMessage_Resume{Resume: resume}})
}

func (t *terminal) enter(message *relaypb.TerminalMessage) error {
	t.send(message)
	if _, err := t.receive(func(m *relaypb.RelayMessage) bool { return m.GetLoggedIn() != nil }); err != nil {
		return err
	}
	resumed := 0
	if t.info.Resumed {
		resumed = 1
	}
	fmt.Printf("logged_in %s %d %d resumed=%d\n", t.info.InvestorId, t.info.FrontId, t.info.SessionId, resumed)
	return nil
}

func (t *terminal) send(message *relaypb.TerminalMessage) {
	_ = t.stream.Send(message) // where the line is broken, what waits for an answer learns it
}

// receive takes messages of this stream until one is wanted.
func (t *terminal) receive(wanted func(*relaypb.RelayMessage) bool) (*relaypb.RelayMessage, error) {
	late := time.After(answerSeconds)
	for {
		select {
		case <-late:
			return nil, errors.New("没有收到应答 no answer came")
		case message, open := <-t.arrived:
			if !open {
				return nil, errBroken
			}
			if err := t.take(message); err != nil {
				return nil, err
			}
			if wanted(message) {
				return message, nil
			}
		}
	}
}

// next is the same over breaks: what was missed comes after the stream was resumed.
func (t *terminal) next(wanted func(*relaypb.RelayMessage) bool) (*relaypb.RelayMessage, error) {
	for {
		message, err := t.receive(wanted)
		if !errors.Is(err, errBroken) {
			return message, err
		}
		if err := t.comeBack(); err != nil {
			return nil, err
		}
		if !t.info.Resumed {
			return nil, errNewSession
		}
	}
}

// stay takes what comes, and comes back after each break, until the user is done.
func (t *terminal) stay() error {
	leaving := make(chan bool)
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		close(leaving)
	}()
	for {
		select {
		case <-leaving:
			return nil
		case message, open := <-t.arrived:
			err := error(nil)
			if open {
				err = t.take(message)
			} else {
				err = t.comeBack()
			}
			if err != nil {
				return err
			}
		}
	}
}

func (t *terminal) take(message *relaypb.RelayMessage) error {
	if message.Sequence != 0 {
		t.sequence = message.Sequence // what Resume says was the last
	}
	if rejected := message.GetRejected(); rejected != nil {
		return refusal{rejected}
	}
	if info := message.GetLoggedIn(); info != nil {
		t.info = info // at once: events may follow it
	}
	if last := message.GetGoodbye(); last != nil {
		t.goodbye = last
	}
	order := message.GetEvent().GetRtnOrder()
	if order == nil || order.FrontId != t.placed.GetFrontId() || order.SessionId != t.placed.GetSessionId() {
		return nil // no order, or another program's
	}
	reference := strings.TrimSpace(order.OrderRef)
	t.orders[reference] = order.OrderStatus
	fmt.Println("order", reference, order.OrderStatus)
	return nil
}

// call sends a request and returns its CallResult; events that come before it are taken on the way.
func (t *terminal) call(request *ctppb.Request, orderKey string) (*relaypb.CallResult, error) {
	t.request++ // never twice in a session: replayed answers keep their ids
	call := &relaypb.Call{RequestId: t.request, Request: request, ClientOrderKey: orderKey}
	t.send(&relaypb.TerminalMessage{Body: &relaypb.TerminalMessage_Call{Call: call}})
	answer, err := t.next(func(m *relaypb.RelayMessage) bool { return m.GetCallResult().GetRequestId() == t.request })
	if err != nil {
		return nil, err
	}
	result := answer.GetCallResult()
	if result.ReturnCode != 0 {
		return nil, fmt.Errorf("%d %s", result.ReturnCode, result.GetRejected().GetReason())
	}
	return result, nil
}

func (t *terminal) query(request *ctppb.Request) (*ctppb.Event, error) {
	if _, err := t.call(request, ""); err != nil {
		return nil, err
	}
	answer, err := t.next(func(m *relaypb.RelayMessage) bool {
		return m.GetEvent().GetRequestId() == t.request && m.GetEvent().GetIsLast()
	})
	return answer.GetEvent(), err
}

// waitFor waits until the order has one of these states; a notice may come before the CallResult, so those seen are kept.
func (t *terminal) waitFor(reference string, states ...ctppb.OrderStatus) error {
	for {
		for _, state := range states {
			if t.orders[reference] == state {
				return nil
			}
		}
		if _, err := t.next(func(m *relaypb.RelayMessage) bool { return m.GetEvent() != nil }); err != nil {
			return err
		}
	}
}

func (t *terminal) logOut() error {
	t.send(&relaypb.TerminalMessage{Body: &relaypb.TerminalMessage_Logout{Logout: &relaypb.Logout{}}})
	last, err := t.next(func(m *relaypb.RelayMessage) bool { return m.GetGoodbye() != nil })
	if err == nil {
		fmt.Println("goodbye", last.GetGoodbye().Kind)
	}
	return err
}

func limitOrder() *ctppb.Request {
	price, err := strconv.ParseFloat(setting("CTP_EXAMPLE_PRICE"), 64)
	if err != nil {
		panic(err)
	}
	return &ctppb.Request{Body: &ctppb.Request_OrderInsert{OrderInsert: &ctppb.InputOrder{
		InstrumentId:        setting("CTP_EXAMPLE_INSTRUMENT", "rb2701"),
		ExchangeId:          setting("CTP_EXAMPLE_EXCHANGE", "SHFE"),
		Direction:           ctppb.Direction_DIRECTION_BUY,
		CombOffsetFlag:      "0", // combined flags are strings, one character a leg
		CombHedgeFlag:       "1",
		LimitPrice:          proto.Float64(price),
		VolumeTotalOriginal: 1,
		OrderPriceType:      ctppb.OrderPriceType_ORDER_PRICE_TYPE_LIMIT_PRICE,
		TimeCondition:       ctppb.TimeCondition_TIME_CONDITION_GFD,
		VolumeCondition:     ctppb.VolumeCondition_VOLUME_CONDITION_AV,
		ContingentCondition: ctppb.ContingentCondition_CONTINGENT_CONDITION_IMMEDIATELY,
		ForceCloseReason:    ctppb.ForceCloseReason_FORCE_CLOSE_REASON_NOT_FORCE_CLOSE,
	}}}
}

func cancelOf(session *relaypb.LoggedIn, reference string) *ctppb.Request {
	return &ctppb.Request{Body: &ctppb.Request_OrderAction{OrderAction: &ctppb.InputOrderAction{
		InstrumentId: setting("CTP_EXAMPLE_INSTRUMENT", "rb2701"),
		ExchangeId:   setting("CTP_EXAMPLE_EXCHANGE", "SHFE"),
		FrontId:      session.FrontId,
		SessionId:    session.SessionId,
		OrderRef:     reference,
		ActionFlag:   ctppb.ActionFlag_ACTION_FLAG_DELETE,
	}}}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	t, err := dial()
	check(err)
	check(t.connect(true))
	account, err := t.query(&ctppb.Request{Body: &ctppb.Request_QryTradingAccount{QryTradingAccount: &ctppb.QryTradingAccount{}}})
	check(err)
	fmt.Println("account", account.GetRspQryTradingAccount().GetBalance())

	t.placed = t.info
	result, err := t.call(limitOrder(), fmt.Sprint("example-", time.Now().UnixNano()))
	check(err)
	reference := strings.TrimSpace(result.OrderRef)
	check(t.waitFor(reference, ctppb.OrderStatus_ORDER_STATUS_NO_TRADE_QUEUEING, ctppb.OrderStatus_ORDER_STATUS_PART_TRADED_QUEUEING))

	fmt.Println("breaking")
	t.cancel() // as a cable that is pulled: the session stays at the relay
	check(t.comeBack())
	fmt.Println("staying 按回车撤单并登出 Enter cancels the order and logs out")
	check(t.stay())
	_, err = t.call(cancelOf(t.placed, reference), "")
	check(err)
	check(t.waitFor(reference, ctppb.OrderStatus_ORDER_STATUS_CANCELED))
	check(t.logOut())
}

// A small complete terminal of the CTP relay: collects, proves itself, logs in, asks for the account, places an order that rests,
// loses its stream, resumes, cancels the order and logs out. The settings are environment variables; see ../README.md.
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
	waiting  []*relaypb.RelayMessage // of the last batch, not yet taken
	info     *relaypb.LoggedIn
	sequence uint64
	request  int32
	orders   map[string]ctppb.OrderStatus // reference -> last status, of this session's own orders
}

func connect() (*terminal, error) {
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
	return &terminal{client: relaypb.NewTerminalServiceClient(connection), orders: map[string]ctppb.OrderStatus{}}, nil
}

// challenge opens a stream, says hello and returns the proof that this stream's login or resume needs.
func (t *terminal) challenge() ([]byte, error) {
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := t.client.Session(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	t.stream, t.cancel, t.waiting = stream, cancel, nil
	hello := &relaypb.Hello{Protocol: 1, AppId: setting("CTP_TERMINAL_APP_ID"), ClientVersion: "example-go 1"}
	if err := t.send(&relaypb.TerminalMessage{Body: &relaypb.TerminalMessage_Hello{Hello: hello}}); err != nil {
		return nil, err
	}
	answer, err := t.next(func(m *relaypb.RelayMessage) bool { return m.GetChallenge() != nil })
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
	if err := t.send(message); err != nil {
		return err
	}
	answer, err := t.next(func(m *relaypb.RelayMessage) bool { return m.GetLoggedIn() != nil })
	if err != nil {
		return err
	}
	t.info = answer.GetLoggedIn()
	resumed := 0
	if t.info.Resumed {
		resumed = 1
	}
	fmt.Printf("logged_in %s %d %d resumed=%d\n", t.info.InvestorId, t.info.FrontId, t.info.SessionId, resumed)
	return nil
}

func (t *terminal) send(message *relaypb.TerminalMessage) error {
	return t.stream.Send(message)
}

// next takes messages until one is wanted.
func (t *terminal) next(wanted func(*relaypb.RelayMessage) bool) (*relaypb.RelayMessage, error) {
	for {
		for len(t.waiting) > 0 {
			message := t.waiting[0]
			t.waiting = t.waiting[1:]
			if err := t.take(message); err != nil {
				return nil, err
			}
			if wanted(message) {
				return message, nil
			}
		}
		batch, err := t.stream.Recv()
		if err != nil {
			return nil, fmt.Errorf("流已断开 the stream is broken: %w", err)
		}
		t.waiting = batch.Messages
	}
}

func (t *terminal) take(message *relaypb.RelayMessage) error {
	if message.Sequence != 0 {
		t.sequence = message.Sequence // what Resume says was the last
	}
	if rejected := message.GetRejected(); rejected != nil {
		return fmt.Errorf("%s %s", rejected.Reason, rejected.Message)
	}
	order := message.GetEvent().GetRtnOrder()
	if order == nil || order.FrontId != t.info.FrontId || order.SessionId != t.info.SessionId {
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
	if err := t.send(&relaypb.TerminalMessage{Body: &relaypb.TerminalMessage_Call{Call: call}}); err != nil {
		return nil, err
	}
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
	if err := t.send(&relaypb.TerminalMessage{Body: &relaypb.TerminalMessage_Logout{Logout: &relaypb.Logout{}}}); err != nil {
		return err
	}
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
	t, err := connect()
	check(err)
	check(t.logIn())
	account, err := t.query(&ctppb.Request{Body: &ctppb.Request_QryTradingAccount{QryTradingAccount: &ctppb.QryTradingAccount{}}})
	check(err)
	fmt.Println("account", account.GetRspQryTradingAccount().GetBalance())

	result, err := t.call(limitOrder(), fmt.Sprint("example-", time.Now().UnixNano()))
	check(err)
	reference := strings.TrimSpace(result.OrderRef)
	check(t.waitFor(reference, ctppb.OrderStatus_ORDER_STATUS_NO_TRADE_QUEUEING, ctppb.OrderStatus_ORDER_STATUS_PART_TRADED_QUEUEING))

	fmt.Println("breaking")
	t.cancel()
	check(t.resume())
	_, err = t.call(cancelOf(t.info, reference), "")
	check(err)
	check(t.waitFor(reference, ctppb.OrderStatus_ORDER_STATUS_CANCELED))
	check(t.logOut())
}

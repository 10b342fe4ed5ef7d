// A small complete terminal of the CTP relay: collects, proves itself, logs in, asks for the account, places an order that rests,
// loses its stream, resumes, stays until standard input says a line or ends, cancels the order and logs out. It comes back after
// every break. The settings are environment variables; see ../README.md.
'use strict';

const { execFileSync } = require('node:child_process');
const { createCipheriv } = require('node:crypto');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const PROTOS = process.env.CTP_RELAY_PROTOS || path.join(__dirname, '../../protos');
const RESTING = ['ORDER_STATUS_NO_TRADE_QUEUEING', 'ORDER_STATUS_PART_TRADED_QUEUEING'];
const CANCELED = 'ORDER_STATUS_CANCELED';
const SESSION_OVER = ['KIND_RELAY_STOPPING', 'KIND_RELAY_FAULT']; // log in again
const SESSION_KEPT = ['KIND_SLOW_READER', 'KIND_STREAM_FAULT', undefined]; // resume; no goodbye at all is a broken line
const LONGEST_PAUSE = 30;

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

class Broken extends Error {}

class Rejected extends Error {
  constructor(rejected) {
    super(`rejected ${rejected.reason} ${rejected.message} ${rejected.advice}`);
    this.reason = rejected.reason;
    this.retryAfter = rejected.retry_after_seconds;
  }
}

function setting(name, otherwise) {
  const value = process.env[name] ?? otherwise;
  if (value === undefined) throw new Error(`请设置 set ${name}`);
  return value;
}

// The collector stamps the time and differs at every call: run it for every login, and for no resume.
function collect() {
  const output = execFileSync(setting('CTP_COLLECT'), [setting('CTP_TERMINAL_LIBRARY')], { stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(output);
}

function prove(authCode, timestamp) {
  if (Buffer.byteLength(authCode) !== 16) throw new Error('授权码应为 16 个 ASCII 字符 the auth code is 16 ASCII characters');
  const cipher = createCipheriv('aes-128-cbc', Buffer.from(authCode, 'ascii'), Buffer.alloc(16));
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(timestamp), cipher.final()]);
}

class Terminal {
  constructor() {
    const definition = loader.loadSync('ctprelay/v1/terminal.proto', { includeDirs: [PROTOS], longs: Number, enums: String, defaults: true, oneofs: true, keepCase: true });
    const { TerminalService } = grpc.loadPackageDefinition(definition).ctprelay.v1;
    this.client = new TerminalService(setting('CTP_TERMINAL_RELAY'), grpc.credentials.createSsl(readFileSync(setting('CTP_TERMINAL_CA_FILE'))), {
      'grpc.keepalive_time_ms': 20000, // a dead connection is noticed; the relay takes pings down to 5 s
      'grpc.keepalive_timeout_ms': 10000,
      'grpc.max_receive_message_length': 16 * 1024 * 1024,
    });
    this.sequence = 0;
    this.requestId = 0;
    this.waiting = new Set();
    this.orders = new Map(); // reference -> last status, of the orders placed here
    this.placed = null; // the session in which they were
  }

  // One stream: hello, challenge, then `entering(proof)`, which is a Login or a Resume.
  async enter(entering) {
    const stream = this.client.Session();
    this.stream = stream;
    this.live = false;
    this.goodbye = undefined;
    stream.on('data', (batch) => stream === this.stream && batch.messages.forEach((message) => this.take(message)));
    stream.on('error', () => {}); // 'end' comes too
    stream.on('end', () => stream === this.stream && this.lost());
    const challenged = this.next('challenge', undefined, true);
    this.send({ hello: { protocol: 1, app_id: setting('CTP_TERMINAL_APP_ID'), client_version: 'example-node 1' } });
    const { challenge } = await challenged;
    const welcomed = this.next('logged_in', undefined, true);
    this.send(entering(prove(setting('CTP_TERMINAL_AUTH_CODE'), challenge.timestamp)));
    await welcomed;
  }

  // Logs in, or resumes the session where there is one, as often as it takes. Throws where the relay says that it makes no sense.
  async connect(fresh) {
    for (let pause = 0.5; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      let wait = pause;
      try {
        return await (fresh ? this.login() : this.resume());
      } catch (error) {
        this.hangUp();
        const gone = !fresh && error.reason === 'session_gone';
        if (!gone && !(error instanceof Broken) && !error.retryAfter) throw error;
        console.log(error.message);
        if (gone) fresh = true;
        wait = gone ? 0 : Math.max(pause, error.retryAfter ?? 0);
      }
      await sleep(wait);
    }
  }

  hangUp() {
    const { stream } = this;
    this.stream = null;
    stream?.cancel();
  }

  // The stream is over. A session that was live comes back, and what waits for an answer goes on waiting where it was resumed.
  lost() {
    this.stream = null;
    if (!this.live) return this.fail((wait) => wait.entering, new Broken('流已断开 the stream is broken'));
    this.live = false;
    const fresh = SESSION_OVER.includes(this.goodbye);
    if (this.goodbye === 'KIND_LOGGED_OUT') return undefined;
    if (!fresh && !SESSION_KEPT.includes(this.goodbye)) return stop(new Error(`goodbye ${this.goodbye}`));
    return this.connect(fresh).then(() => {
      if (!this.info.resumed) this.fail((wait) => !wait.entering, new Error('会话已换，先查询再重发 a new session: look before repeating'));
    }, stop);
  }

  fail(which, error) {
    [...this.waiting].filter(which).forEach((wait) => wait.fail(error));
  }

  login() {
    const collected = collect();
    console.log(`collected ${collected.length} ${collected.code}`);
    this.sequence = 0;
    return this.enter((proof) => ({
      login: {
        auth_info: proof,
        broker_id: setting('CTP_TERMINAL_BROKER'),
        investor_id: setting('CTP_TERMINAL_INVESTOR'),
        password: setting('CTP_TERMINAL_PASSWORD'),
        system_info: Buffer.from(collected.system_info, 'base64'),
        system_info_length: collected.length,
        collector_code: collected.code,
        collector_version: collected.version,
        confirm_settlement: true,
      },
    }));
  }

  resume() {
    return this.enter((proof) => ({ resume: { resume_token: this.info.resume_token, after_sequence: this.sequence, auth_info: proof } }));
  }

  send(message) {
    this.stream?.write(message); // where the line is broken, what waits for an answer learns it
  }

  take(message) {
    if (message.sequence) this.sequence = message.sequence; // what Resume says was the last
    if (message.body === 'goodbye') this.goodbye = message.goodbye.kind;
    if (message.body === 'rejected') this.fail((wait) => wait.entering, new Rejected(message.rejected));
    if (message.body === 'logged_in') this.loggedIn(message.logged_in);
    const own = message.event?.rtn_order;
    if (own && this.isMine(own)) {
      console.log(`order ${own.order_ref.trim()} ${own.order_status}`);
      this.orders.set(own.order_ref.trim(), own.order_status);
    }
    [...this.waiting].forEach((wait) => wait.see(message));
  }

  loggedIn(info) {
    this.info = info;
    this.live = true;
    console.log(`logged_in ${info.investor_id} ${info.front_id} ${info.session_id} resumed=${Number(info.resumed)}`);
  }

  // The next message with this body for which `wanted` holds.
  next(body, wanted = () => true, entering = false) {
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        clearTimeout(timer);
        this.waiting.delete(wait);
        settle(value);
      };
      const timer = setTimeout(() => done(reject, new Error(`没有收到 never came: ${body}`)), 60000);
      const wait = {
        entering, // to a stream that is being opened; what else waits outlives a break
        see: (message) => message.body === body && wanted(message) && done(resolve, message),
        fail: (error) => done(reject, error),
      };
      this.waiting.add(wait);
    });
  }

  // Sends a request and resolves with its CallResult. Listen for what follows before calling it.
  async call(request, extra = {}) {
    const id = ++this.requestId; // never twice in a session: replayed answers keep their ids
    const answered = this.next('call_result', (message) => message.call_result.request_id === id);
    this.send({ call: { request_id: id, request, ...extra } });
    const { call_result: result } = await answered;
    if (result.return_code !== 0) throw new Error(`${result.return_code} ${result.rejected?.reason ?? ''} ${result.rejected?.advice ?? ''}`);
    return result;
  }

  // The first row of a query.
  async query(request) {
    const id = this.requestId + 1;
    const answered = this.next('event', (message) => message.event.request_id === id && message.event.is_last);
    await this.call(request);
    return (await answered).event;
  }

  isMine(order) {
    const session = this.placed ?? this.info; // a session that logs in again may have other numbers
    return order.front_id === session.front_id && order.session_id === session.session_id;
  }

  // Waits until the order is in one of these states; a notice may come before the CallResult, so those seen are kept.
  async orderIn(reference, states) {
    while (!states.includes(this.orders.get(reference))) await this.next('event');
  }
}

function limitOrder() {
  return {
    order_insert: {
      instrument_id: setting('CTP_EXAMPLE_INSTRUMENT', 'rb2701'),
      exchange_id: setting('CTP_EXAMPLE_EXCHANGE', 'SHFE'),
      direction: 'DIRECTION_BUY',
      comb_offset_flag: '0', // combined flags are strings, one character a leg
      comb_hedge_flag: '1',
      limit_price: Number(setting('CTP_EXAMPLE_PRICE')),
      volume_total_original: 1,
      order_price_type: 'ORDER_PRICE_TYPE_LIMIT_PRICE',
      time_condition: 'TIME_CONDITION_GFD',
      volume_condition: 'VOLUME_CONDITION_AV',
      contingent_condition: 'CONTINGENT_CONDITION_IMMEDIATELY',
      force_close_reason: 'FORCE_CLOSE_REASON_NOT_FORCE_CLOSE',
    },
  };
}

// A line, or the end, of standard input.
function userIsDone() {
  return new Promise((resolve) => {
    for (const over of ['data', 'end', 'error']) process.stdin.once(over, resolve);
  });
}

async function main() {
  const terminal = new Terminal();
  await terminal.connect(true);
  const account = await terminal.query({ qry_trading_account: {} });
  console.log(`account ${account.rsp_qry_trading_account.balance}`);

  const placed = terminal.info;
  terminal.placed = placed;
  const result = await terminal.call(limitOrder(), { client_order_key: `example-${Date.now()}` });
  const reference = result.order_ref.trim();
  await terminal.orderIn(reference, RESTING);

  console.log('breaking');
  const back = terminal.next('logged_in');
  terminal.stream.cancel(); // as a cable that is pulled: the session stays at the relay
  await back;
  console.log('staying 按回车撤单并登出 Enter cancels the order and logs out');
  await userIsDone();
  await terminal.call({
    order_action: {
      instrument_id: setting('CTP_EXAMPLE_INSTRUMENT', 'rb2701'),
      exchange_id: setting('CTP_EXAMPLE_EXCHANGE', 'SHFE'),
      front_id: placed.front_id,
      session_id: placed.session_id,
      order_ref: reference,
      action_flag: 'ACTION_FLAG_DELETE',
    },
  });
  await terminal.orderIn(reference, [CANCELED]);

  const ended = terminal.next('goodbye');
  terminal.send({ logout: {} });
  console.log(`goodbye ${(await ended).goodbye.kind}`);
  terminal.client.close();
  process.stdin.destroy();
}

function stop(error) {
  console.error(error.message);
  process.exit(1);
}

main().catch(stop);

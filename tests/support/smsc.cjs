// A message centre of others: the npm package `smpp`, with a queue and phones behind it.
// node smsc.cjs SMPP_PORT CONTROL_PORT; tests tell it by HTTP what to do, and ask what it has seen.
'use strict';
const http = require('node:http');
const smpp = require('smpp');

const [smppPort, controlPort] = process.argv.slice(2).map(Number);
const mode = { refuse: false, throttle: 0, state: 'DELIVRD', receipts: true, early: false };
const seen = { binds: 0, refused: 0, throttled: 0, enquiries: 0, submits: [], nacks: [], ends: [] };
const queue = []; // what goes to the account, until it is taken
let bound = null;
let ids = 0;
let references = 0;

function part(message) {
  const [udh] = message.udh ?? [];
  if (!udh || udh[0] !== 0) return null;
  return { reference: udh[2], total: udh[3], number: udh[4] };
}

function receipt(id, to, from) {
  const state = mode.state;
  const text = `id:${id} sub:001 dlvrd:001 submit date:2612010000 done date:2612010001 ` +
    `stat:${state} err:${state === 'DELIVRD' ? '000' : '027'} text:`;
  return { name: id, pdu: { source_addr: to, source_addr_ton: 1, destination_addr: from, esm_class: 4,
    short_message: text } };
}

function pump() {
  for (const one of queue) {
    if (!bound) return;
    if (one.sentBy === bound) continue;
    const session = bound;
    one.sentBy = session;
    session.deliver_sm({ ...one.pdu }, answer => {
      seen.ends.push([one.name, answer.command_status]);
      if (answer.command_status === 0x64) {
        setTimeout(() => { one.sentBy = null; pump(); }, 200);
      } else if (queue.includes(one)) {
        queue.splice(queue.indexOf(one), 1);
      }
    });
  }
}

function submitted(session, pdu) {
  if (mode.throttle > 0) {
    mode.throttle -= 1;
    seen.throttled += 1;
    return session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
  }
  if (mode.silent) return undefined;
  const { source_addr: from, destination_addr: to } = pdu;
  const id = `id${++ids}`;
  const answer = () => session.send(pdu.response({ message_id: id }));
  seen.submits.push({ id, from, to, coding: pdu.data_coding, text: pdu.short_message.message,
    part: part(pdu.short_message), reference: pdu.user_message_reference,
    octets: pdu.short_message.message.length });
  if (!mode.early) answer();
  if (mode.receipts) queue.push(receipt(id, to, from));
  pump();
  if (mode.early) setTimeout(answer, 300);
  return undefined;
}

const server = smpp.createServer({}, session => {
  session.on('error', () => session.destroy());
  session.on('bind_transceiver', pdu => {
    const isKnown = pdu.system_id === 'veche' && pdu.password === 'secret' && !mode.refuse;
    if (!isKnown) {
      seen.refused += 1;
      session.send(pdu.response({ command_status: smpp.ESME_RBINDFAIL }));
      return;
    }
    session.send(pdu.response({ system_id: 'SMSC' }));
    seen.binds += 1;
    bound = session;
    setTimeout(pump, 50);
  });
  session.on('close', () => { if (bound === session) bound = null; });
  session.on('enquire_link', pdu => { seen.enquiries += 1; session.send(pdu.response()); });
  session.on('unbind', pdu => { session.send(pdu.response()); session.close(); });
  session.on('generic_nack', pdu => seen.nacks.push(pdu.command_status));
  session.on('submit_sm', pdu => submitted(session, pdu));
});

function parts(text, size) {
  // eslint-disable-next-line no-control-regex
  const isPlain = /^[\x20-\x5a\x61-\x7a\n]*$/.test(text);
  const [single, each] = size ? [size, size] : isPlain ? [160, 153] : [70, 67];
  if (text.length <= single) return [text];
  const found = [''];
  for (const sign of text) {
    if (found.at(-1).length + sign.length > each) found.push('');
    found[found.length - 1] += sign;
  }
  return found;
}

function write({ from, to, text, name, size, reverse = false }) {
  const found = parts(text, size);
  const reference = ++references % 256;
  const coding = /^[\x20-\x5a\x61-\x7a\n]*$/.test(text) ? 0 : 8;
  const made = found.map((message, n) => ({ name, pdu: {
    source_addr: from, source_addr_ton: 1, destination_addr: to, data_coding: coding,
    ...(found.length === 1 ? { short_message: message } : { esm_class: 0x40, short_message:
      { udh: Buffer.from([5, 0, 3, reference, found.length, n + 1]), message } }) } }));
  if (reverse) made.reverse();
  queue.push(...made);
  pump();
}

const actions = {
  mode: given => Object.assign(mode, given),
  write,
  receipt: ({ id, from, to, state }) => {
    const kept = mode.state;
    mode.state = state;
    queue.push(receipt(id, from, to));
    mode.state = kept;
    pump();
  },
  drop: () => bound?.destroy(),
  raw: ({ hex }) => bound?.socket.write(Buffer.from(hex, 'hex')),
  forget: () => { seen.submits.length = 0; },
  state: () => undefined,
};

http.createServer((request, response) => {
  let body = '';
  request.on('data', some => { body += some; });
  request.on('end', () => {
    actions[request.url.slice(1)](JSON.parse(body || '{}'));
    response.end(JSON.stringify({ ...seen, isBound: bound !== null, waiting: queue.length }));
  });
}).listen(controlPort, '127.0.0.1');
server.listen(smppPort, '127.0.0.1');

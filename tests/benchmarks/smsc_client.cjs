// The rate of the message centre by itself: the same package as a client, with a window of ten.
// node smsc_client.cjs PORT COUNT; it says how many seconds the messages took.
'use strict';
const smpp = require('smpp');

const [port, count] = process.argv.slice(2).map(Number);
const session = smpp.connect({ url: `smpp://127.0.0.1:${port}` }, () => {
  session.bind_transceiver({ system_id: 'veche', password: 'secret' }, () => {
    const began = performance.now();
    let [begun, ended] = [0, 0];
    const next = () => {
      if (begun === count) return;
      begun += 1;
      session.submit_sm({ source_addr: '4930901820', destination_addr: `49171${begun}`,
        registered_delivery: 1, short_message: `Дело 77: новое сообщение № ${begun}` }, () => {
        ended += 1;
        if (ended === count) {
          console.log((performance.now() - began) / 1000);
          process.exit(0);
        }
        next();
      });
    };
    for (let n = 0; n < 10; n += 1) next();
  });
});
session.on('deliver_sm', pdu => session.send(pdu.response()));

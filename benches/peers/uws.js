// A broadcast server on uWebSockets.js, by its own publish and subscribe. `node uws.js PORT`.
// The text "join" joins the one group and is answered; anything else goes to the group as it came.
"use strict";
const uws = require("@trufflesuite/uws-js-unofficial");

const GROUP = "g";
const JOIN = Buffer.from("join");

const app = uws.App();
app
  .ws("/*", {
    compression: uws.DISABLED,
    maxPayloadLength: 64 * 1024,
    // As much as the gateway lets wait for one client.
    maxBackpressure: 1024 * 1024,
    idleTimeout: 120,
    sendPingsAutomatically: true,
    message(socket, message, binary) {
      if (message.byteLength === JOIN.length && JOIN.equals(Buffer.from(message))) {
        socket.subscribe(GROUP);
        socket.send("ok");
      } else {
        // By the app, since a socket publishes only to groups that it is in itself.
        app.publish(GROUP, message, binary);
      }
    },
  })
  .listen("127.0.0.1", Number(process.argv[2]), (listening) => {
    if (!listening) {
      console.error("the port is taken");
      process.exit(1);
    }
  });

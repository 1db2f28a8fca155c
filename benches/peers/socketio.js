// A broadcast server on Socket.IO, by its rooms. `node socketio.js PORT`. Clients come by WebSocket at once, without
// the polling that Socket.IO begins with by default, which would cost it two more requests for each client.
"use strict";
const http = require("node:http");
const { Server } = require("socket.io");

const GROUP = "g";
const server = http.createServer();
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false });

io.on("connection", (socket) => {
  socket.on("join", (done) => {
    socket.join(GROUP);
    done();
  });
  socket.on("publish", (message) => socket.to(GROUP).emit("message", message));
});
server.listen(Number(process.argv[2]), "127.0.0.1", 4096);

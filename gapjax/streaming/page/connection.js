"use strict";
// The connection with the server: frames and classes go out, what was recognized comes in.

// Bytes that may wait in the browser; while there are more, frames are dropped.
const MOST_WAITING = 100000;
// held: the frames that were dropped here.
const LINK = {socket: null, held: 0, watched: 0, stream: 0};

// handlers: key of a message -> what is done with it.
function connect(handlers) {
  const socket = new WebSocket(`ws://${location.host}/stream`);
  socket.onmessage = (event) => {
    const told = JSON.parse(event.data);
    const key = Object.keys(handlers).find((each) => each in told);
    if (key) handlers[key](told);
  };
  socket.onclose = () => {
    document.getElementById("about").textContent = "not connected; tries again …";
    setTimeout(() => connect(handlers), 1000);
  };
  LINK.socket = socket;
}

function send(message) {
  if (LINK.socket.readyState === WebSocket.OPEN) LINK.socket.send(JSON.stringify(message));
}

// Send a frame, unless others wait: what is late helps nobody.
function sendFrame(persons) {
  if (LINK.socket.bufferedAmount > MOST_WAITING) { LINK.held++; return; }
  send({frame: persons, time: performance.now()});
}

// Show another stream; 0 for one's own.
function watch(number) {
  LINK.watched = number;
  send({watch: number});
}

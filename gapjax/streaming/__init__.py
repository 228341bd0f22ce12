"""Recognition of moving skeletons as they move: windows of frames, a server, and its page.

Frames come by WebSocket, from the page (`page/`) or from any program. `window`, `messages` and
`landmarks` know neither sockets nor networks; `hub` decides what is recognized when; `server` is
what speaks HTTP and WebSocket.
"""

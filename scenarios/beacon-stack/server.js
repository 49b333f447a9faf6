// The article's application: answers beacons as they come in, and holds pages that wait for news. Written so that
// node.js 0.6 (Ubuntu 12.04) runs it as well as today's.
'use strict';

var fs = require('fs');
var http = require('http');

// "It reads some configuration data": once.
var config = JSON.parse(process.argv[2]);
var listen = config.listen;
var answer = new Array(config.body_bytes + 1).join('x');
var heard = {};

function serve(request, response) {
    var version = 'HTTP/' + request.httpVersion;
    heard[version] = (heard[version] || 0) + 1;
    if (config.never_answer && request.url.indexOf(config.never_answer) === 0) {
        return;
    }
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': answer.length });
    response.end(answer);
}

// Since 18 it looks at its connections every 30 s, which would wake the machine all week; before 9.6 it took no options.
var seldom = { connectionsCheckingInterval: 0x7fffffff };
var server = http.createServer.length < 2 ? http.createServer(serve) : http.createServer(seldom, serve);

// Only the other side ends a connection: what is held is held, where 0.6 to 12 would end it after two minutes, and 18
// a request that is long in coming.
server.timeout = 0;
server.requestTimeout = 0;
server.headersTimeout = 0;
server.on('connection', function (socket) {
    socket.setTimeout(0);
});

function ready() {
    if (listen.unix) {
        // nginx's workers may be another user.
        fs.chmodSync(listen.unix, 438); // 0666
    }
    fs.writeSync(1, 'ready\n');
}

if (listen.unix) {
    try {
        fs.unlinkSync(listen.unix);
    } catch (gone) {}
    server.listen(listen.unix, ready);
} else {
    server.listen(Number(listen.tcp.split(':')[1]), listen.tcp.split(':')[0], ready);
}

// The lab asks at the end what was heard, by ending our input.
process.stdin.resume();
process.stdin.on('end', function () {
    fs.writeSync(1, JSON.stringify(heard) + '\n');
    process.exit(0);
});

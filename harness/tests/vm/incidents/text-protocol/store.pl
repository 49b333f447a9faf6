# Greets each client, and answers each line.
use strict;
use IO::Socket::INET;
$SIG{CHLD} = "IGNORE";
my $listener = IO::Socket::INET->new(LocalPort => 6379, Listen => 64, ReuseAddr => 1) or die "listen: $!";
while (1) {
    my $client = $listener->accept or next;
    next if fork;
    $client->autoflush(1);
    print $client "+HELLO\r\n";
    print $client "+PONG\r\n" while <$client>;
    exit;
}

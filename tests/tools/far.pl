#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
#
# far.pl PORT MS: a way to the server at this port of 127.0.0.1 on which every byte takes so long,
# in either direction. Prints the port at which it begins.
use strict;
use warnings;
use IO::Socket::INET;
use Time::HiRes qw(time);

my ($port, $ms) = @ARGV;
my $delay = $ms / 1000;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16) or die "listen: $!";
$SIG{CHLD} = 'IGNORE';
$| = 1;
print $listener->sockport, "\n";

# What came in goes out when its time has come, and its end as well.
sub carry {
    my ($from, $to) = @_;
    my (@due, $ended);
    while (@due || !$ended) {
        my $readable = '';
        vec($readable, fileno($from), 1) = 1 unless $ended;
        my $wait = @due ? $due[0][0] - time : undef;
        select($readable, undef, undef, defined $wait && $wait < 0 ? 0 : $wait);
        if (!$ended && vec($readable, fileno($from), 1)) {
            $ended = !sysread($from, my $data, 65536);
            push @due, [time + $delay, $data];
        }
        while (@due && $due[0][0] <= time) {
            my $data = (shift @due)->[1];
            length $data ? syswrite($to, $data) : shutdown($to, 1);
        }
    }
}

while (my $client = $listener->accept) {
    next if fork;
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or exit 1;
    fork ? carry($client, $server) : carry($server, $client);
    exit;
}

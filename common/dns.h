#pragma once
/* Where bangerd answers for the names of VMs, and which those are: NAME.vm. */

#define DNS_DOMAIN "vm"
/* bangerd-dns.socket has it too. */
#define DNS_ADDRESS 0x7f000001 /* 127.0.0.1, host order */
#define DNS_PORT 42069
#define DNS_ADDRESS_TEXT "127.0.0.1:42069"

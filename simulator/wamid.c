#include "simulator/wamid.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

void wamid_make(char to[WAMID_SIZE], const char *digits, uint32_t run, uint64_t serial)
{
	unsigned char frame[48] = { 0x1c, 0x18 };
	size_t len = strnlen(digits, 15);
	size_t n = 2;
	/* An odd factor is one to one on 40 bits, and neighbours look nothing alike. */
	uint64_t mixed = serial * UINT64_C(0x9e3779b97f4a7c15) & UINT64_C(0xffffffffff);

	frame[n++] = (unsigned char)len;
	memcpy(frame + n, digits, len);
	n += len;
	memcpy(frame + n, "\x15\x02\x00\x11\x18\x12", 6);
	n += 6;
	snprintf((char *)frame + n, 19, "%08" PRIX32 "%010" PRIX64, run, mixed);
	n += 18;
	frame[n++] = 0;
	memcpy(to, "wamid.", 6);
	EVP_EncodeBlock((unsigned char *)to + 6, frame, (int)n);
}

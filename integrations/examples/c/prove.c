/* Reads a challenge (128 bytes) from standard input and writes its proof; the auth code is in CTP_TERMINAL_AUTH_CODE. */
#include <stdio.h>
#include <stdlib.h>

#include "proof.h"

int main(void) {
    const char *auth_code = getenv("CTP_TERMINAL_AUTH_CODE");
    unsigned char challenge[CTP_CHALLENGE_BYTES];
    unsigned char proof[CTP_CHALLENGE_BYTES];
    if (!auth_code || fread(challenge, 1, sizeof challenge, stdin) != sizeof challenge) {
        fputs("授权码在 CTP_TERMINAL_AUTH_CODE，128 字节从标准输入 / auth code in CTP_TERMINAL_AUTH_CODE, 128 bytes on stdin\n", stderr);
        return 2;
    }
    if (!ctp_relay_proof(auth_code, challenge, proof)) {
        fputs("授权码应为 16 个 ASCII 字符 / the auth code is 16 ASCII characters\n", stderr);
        return 1;
    }
    return fwrite(proof, 1, sizeof proof, stdout) == sizeof proof ? 0 : 1;
}

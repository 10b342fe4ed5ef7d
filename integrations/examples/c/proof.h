/* The proof that a terminal knows its auth code (授权码), with OpenSSL's libcrypto. */
#ifndef CTP_RELAY_PROOF_H
#define CTP_RELAY_PROOF_H

#ifdef __cplusplus
extern "C" {
#endif

enum { CTP_AUTH_CODE_BYTES = 16, CTP_CHALLENGE_BYTES = 128 };

/*
 * Encrypts the relay's challenge: AES-128-CBC, the key is the 16 characters of the auth code as they are (not hex), zero IV, no
 * padding. Writes 128 bytes to `proof`. Returns 1, or 0 where the auth code has not 16 characters or libcrypto fails.
 */
int ctp_relay_proof(const char *auth_code, const unsigned char challenge[CTP_CHALLENGE_BYTES],
                    unsigned char proof[CTP_CHALLENGE_BYTES]);

#ifdef __cplusplus
}
#endif
#endif

#include "proof.h"

#include <openssl/evp.h>
#include <string.h>

int ctp_relay_proof(const char *auth_code, const unsigned char challenge[CTP_CHALLENGE_BYTES],
                    unsigned char proof[CTP_CHALLENGE_BYTES]) {
    static const unsigned char zero[16];
    int written = 0;
    int rest = 0;
    if (strlen(auth_code) != CTP_AUTH_CODE_BYTES) return 0;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int done = cipher && EVP_EncryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, (const unsigned char *)auth_code, zero) &&
               EVP_CIPHER_CTX_set_padding(cipher, 0) &&
               EVP_EncryptUpdate(cipher, proof, &written, challenge, CTP_CHALLENGE_BYTES) &&
               EVP_EncryptFinal_ex(cipher, proof + written, &rest);
    EVP_CIPHER_CTX_free(cipher);
    return done && written + rest == CTP_CHALLENGE_BYTES;
}

#!/bin/sh
# The `perl` with which the crate openssl-src configures OpenSSL, named in .cargo/config.toml: the crate has no other way to
# leave parts out. OpenSSL is the longest part of a first build, and takes half the time without them; its assembler is left
# out because nothing here waits for ciphers. What stays is TLS 1.0 to 1.3 and what libssh2 needs of a guest from 2012 on.
exec perl "$@" \
    no-apps no-argon2 no-aria no-asm no-async no-bf no-blake2 no-cast no-cmac no-cmp no-cms no-ct no-dgram no-docs no-dsa \
    no-dso no-dtls no-ec2m no-engine no-gost no-http no-legacy no-md4 no-mdc2 no-ml-dsa no-ml-kem no-multiblock \
    no-nextprotoneg no-ocb no-ocsp no-psk no-quic no-rc2 no-rc4 no-rfc3779 no-rmd160 no-scrypt no-secure-memory no-siphash \
    no-siv no-slh-dsa no-sm2 no-sm3 no-sm4 no-srp no-srtp no-ssl-trace no-thread-pool no-default-thread-pool no-ts \
    no-ui-console no-whirlpool

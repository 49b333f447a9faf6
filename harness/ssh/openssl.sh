#!/bin/sh
# The crate openssl-src runs this as `perl ./Configure ...` (.cargo/config.toml names it), and then `make` in the folder it
# runs in. OpenSSL is the longest part of a first build: where this host has it as static libraries (libssl-dev of Debian and
# Ubuntu), those are taken, and it is compiled where not. OPENSSL_SRC_PERL=perl compiles it always, and whole.
set -eu

# Are there static libraries that need nothing but the C library? A cross compiler has another C library.
whole() {
    [ "${CC:-cc}" = cc ] && cc -x c - -o linked -Wl,--whole-archive -l:libssl.a -l:libcrypto.a -Wl,--no-whole-archive
}

if whole 2>/dev/null <<'EOF'
#include <openssl/ssl.h>
#if OPENSSL_VERSION_MAJOR < 3
#error too old
#endif
int main(void) { return !OPENSSL_init_ssl(0, 0); }
EOF
then
    for argument; do
        case $argument in --prefix=*) prefix=${argument#--prefix=} ;; esac
    done
    # The compiler finds the headers where they are.
    mkdir -p "$prefix/lib" "$prefix/include"
    cp "$(cc -print-file-name=libssl.a)" "$(cc -print-file-name=libcrypto.a)" "$prefix/lib"
    echo 'depend build_libs install_dev: ;' >Makefile
    exit
fi

# The crate has no other way to leave parts out, and they take half the time. The assembler is left out because nothing here
# waits for ciphers. What stays is TLS 1.0 to 1.3 and what libssh2 needs of a guest from 2012 on.
exec perl "$@" \
    no-apps no-argon2 no-aria no-asm no-async no-bf no-blake2 no-cast no-cmac no-cmp no-cms no-ct no-dgram no-docs no-dsa \
    no-dso no-dtls no-ec2m no-engine no-gost no-http no-legacy no-md4 no-mdc2 no-ml-dsa no-ml-kem no-multiblock \
    no-nextprotoneg no-ocb no-ocsp no-psk no-quic no-rc2 no-rc4 no-rfc3779 no-rmd160 no-scrypt no-secure-memory no-siphash \
    no-siv no-slh-dsa no-sm2 no-sm3 no-sm4 no-srp no-srtp no-ssl-trace no-thread-pool no-default-thread-pool no-ts \
    no-ui-console no-whirlpool

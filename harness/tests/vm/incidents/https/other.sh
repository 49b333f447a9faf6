# A server of TLS with a key of its own; its answer to a request is a page about the connection.
cd /run/tunelab
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=server -keyout other.pem -out other.crt
cat other.crt >> other.pem
exec openssl s_server -quiet -www -accept 8443 -cert other.pem

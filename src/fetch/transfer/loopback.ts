/** Addresses that never leave this machine: a proxy has no business with them, and TLS adds nothing. */

/** `localhost` and names under it (RFC 6761, section 6.3), 127.0.0.0/8 and ::1. */
export function isLoopback({ hostname }: URL): boolean {
  // The URL parser has brought every spelling of an IPv4 address ("127.1", "0x7f000001") into this one.
  return (
    /^(.+\.)?localhost\.?$/.test(hostname) || /^127(\.[0-9]+){3}$/.test(hostname) || hostname === "[::1]"
  );
}

/** What the opening of a connection waits for, in this order; `proxy`, `tls`, `websocket` and `suback` only where there are any. */
export type Phase = 'dns' | 'tcp' | 'proxy' | 'tls' | 'websocket' | 'connack' | 'suback'

/** What became known about the peer on the way. */
export type Finding =
  | { readonly what: 'address'; readonly address: string; readonly port: number }
  | {
      readonly what: 'tls'
      /** "TLSv1.3" and the name of the cipher suite. */
      readonly protocol: string
      readonly cipher: string
      /** What the server chose of `alpn`. */
      readonly alpn?: string
      /** Whom the certificate is for and until when it is valid; absent with a pre-shared key. */
      readonly certificate?: { readonly subject: string; readonly issuer: string; readonly validTo: string }
    }
  | { readonly what: 'connack'; readonly terms: ServerTerms }

/** What the server said in CONNACK about itself (MQTT 5.0 section 3.2.2.3); absent: it did not say. */
export interface ServerTerms {
  /** 4 is MQTT 3.1.1, in which nothing but `sessionPresent` is said. */
  readonly version: 4 | 5
  readonly sessionPresent: boolean
  readonly receiveMaximum?: number
  readonly maximumPacketSize?: number
  readonly maximumQoS?: number
  readonly retainAvailable?: boolean
  readonly topicAliasMaximum?: number
  readonly serverKeepAliveSeconds?: number
  readonly sessionExpirySeconds?: number
  readonly assignedClientId?: string
  readonly wildcardSubscriptions?: boolean
  readonly sharedSubscriptions?: boolean
}

/** Watches a connection being opened. Times are the watcher's own: it is told at once. */
export interface OpeningWatch {
  /** A step begins (so the one before is done); `peer` is whom it waits for, "host:port". The last one ends with `connect`. */
  onPhase?(phase: Phase, peer: string): void
  onFinding?(finding: Finding): void
}

/** How long the tokens of a log-in are good for. Contract §2 */
export const ACCESS_TTL_SECONDS = 15 * 60
export const SOCKET_TTL_SECONDS = 24 * 3_600
export const REFRESH_TTL_MS = 7 * 24 * 3_600_000
/** Until revoked, as the contract says; a token must have an end, so ten years. */
export const DEVICE_TTL_SECONDS = 10 * 365 * 86_400
/** Clocks may differ by so much. */
export const CLOCK_LEEWAY_SECONDS = 30

/** From now on so long, a token that a log-in gave out until now can be valid. */
export const SESSION_TOKENS_LIVE_MS = (SOCKET_TTL_SECONDS + CLOCK_LEEWAY_SECONDS) * 1_000

/**
 * Every error code the outside can meet: what it means, its HTTP status, and whether sending the same thing again can help.
 * A code never changes its meaning. `docs/reference/errors.md` is made from this table.
 */
export const ERRORS = {
  payload_not_json: { status: 400, retry: false, meaning: 'The payload is not JSON in UTF-8.' },
  payload_invalid: { status: 400, retry: false, meaning: 'The payload does not fit the schema of its channel.' },
  payload_too_large: { status: 413, retry: false, meaning: 'The payload is larger than the limit.' },
  device_mismatch: { status: 400, retry: false, meaning: 'The deviceId in the payload is not the one in the topic.' },
  position_null_island: { status: 400, retry: false, meaning: 'A fix at exactly 0, 0: the receiver had no position.' },
  timestamp_implausible: {
    status: 400,
    retry: false,
    meaning: 'The timestamp is before GPS existed; often seconds instead of milliseconds.',
  },
  timestamp_future: {
    status: 202,
    retry: false,
    meaning: 'The fix is more than 2 minutes ahead of the clock; it is set aside, neither forwarded nor evaluated.',
  },
  timestamp_repaired: {
    status: 202,
    retry: false,
    meaning: 'The GPS week count of the fix was off by 1,024 or 2,048 weeks; it is stored with its true time.',
  },
  clock_offset: {
    status: 202,
    retry: false,
    meaning: 'The clock of the device is off by a constant time, often a time zone; nothing is corrected by itself.',
  },
  timestamp_still_future: {
    status: 409,
    retry: false,
    meaning: 'The time with which a fix should be accepted is still ahead of the clock.',
  },
  already_judged: { status: 409, retry: false, meaning: 'The fix was accepted or dropped before.' },
  device_unknown: { status: 404, retry: false, meaning: 'No device of that id is registered in the organisation.' },
  topic_unknown: { status: 404, retry: false, meaning: 'No channel has this topic.' },
  topic_invalid: { status: 400, retry: false, meaning: 'The topic or filter is not well-formed.' },
  publish_forbidden: { status: 403, retry: false, meaning: 'The token does not allow publishing to this topic.' },
  subscribe_forbidden: { status: 403, retry: false, meaning: 'The token does not allow this subscription.' },
  rate_limited: {
    status: 429,
    retry: true,
    meaning:
      'More was sent than the limit allows; Retry-After (HTTP) or retryAfterMs (errors topic) says how long to wait.',
  },
  connection_limit: {
    status: 429,
    retry: true,
    meaning: 'The principal holds as many connections as it may; close one of them, or use fewer client ids.',
  },
  connections_exhausted: {
    status: 503,
    retry: true,
    meaning: 'The platform holds as many connections as it can, or the address opens too many; try again later.',
  },
  session_dropped: {
    status: 429,
    retry: false,
    meaning: 'The principal had more stored sessions than it may; the one that was away for longest is gone.',
  },
  queue_overflow: {
    status: 429,
    retry: false,
    meaning: 'More waited for the stored session than it may hold; the oldest positions went first, alerts last.',
  },
  subscription_limit: { status: 429, retry: false, meaning: 'The connection holds as many subscriptions as it may.' },
  stream_limit: { status: 429, retry: false, meaning: 'The principal holds as many event streams as it may.' },
  forbidden: { status: 403, retry: false, meaning: 'The token does not allow this request.' },
  token_missing: { status: 401, retry: false, meaning: 'No token was sent.' },
  token_invalid: {
    status: 401,
    retry: false,
    meaning: 'The token is malformed, of an unknown key, or wrongly signed.',
  },
  token_expired: { status: 401, retry: false, meaning: 'The token has expired; get a new one.' },
  token_expiring: {
    status: 202,
    retry: false,
    meaning: 'The token of the connection expires soon; publish a new one to $auth/token and the connection lives on.',
  },
  token_revoked: {
    status: 401,
    retry: false,
    meaning: 'The token was revoked, by a logout, a new password or an administrator; get a new one.',
  },
  principal_banned: { status: 403, retry: false, meaning: 'An administrator has banned this user or device.' },
  connection_unknown: { status: 404, retry: false, meaning: 'No connection of that id stands.' },
  kicked: { status: 403, retry: false, meaning: 'An administrator ended the connection; it may come back.' },
  identity_clash: {
    status: 409,
    retry: false,
    meaning: 'Two clients use the identity of one device at the same time; give each device a token of its own.',
  },
  certificate_revoked: { status: 401, retry: false, meaning: 'The client certificate was revoked.' },
  certificate_expired: { status: 401, retry: false, meaning: 'The client certificate has expired.' },
  claim_code_wrong: { status: 404, retry: false, meaning: 'There is no claim code like this.' },
  claim_code_used: { status: 410, retry: false, meaning: 'The claim code was used or cancelled; ask for another one.' },
  claim_code_expired: { status: 410, retry: false, meaning: 'The claim code has expired; ask for another one.' },
  import_invalid: {
    status: 422,
    retry: false,
    meaning: 'Lines of the import cannot be used; `errors` says which and why, and nothing was imported.',
  },
  identity_provider_unavailable: {
    status: 503,
    retry: true,
    meaning: 'The keys of the identity provider cannot be fetched right now, so its tokens cannot be checked.',
  },
  account_disabled: { status: 403, retry: false, meaning: 'The account is disabled; an administrator can enable it.' },
  user_unknown: { status: 404, retry: false, meaning: 'No user of that id is in the organisation.' },
  last_admin: {
    status: 409,
    retry: false,
    meaning: 'The organisation would be left without an administrator who can log in.',
  },
  password_weak: { status: 400, retry: false, meaning: 'The password is too short, or is the user id.' },
  credentials_wrong: { status: 401, retry: false, meaning: 'User name or password is wrong.' },
  too_many_attempts: {
    status: 429,
    retry: true,
    meaning: 'Too many attempts to log in; Retry-After says how many seconds to wait.',
  },
  refresh_reused: {
    status: 401,
    retry: false,
    meaning: 'A refresh token was used twice; all of its family are revoked. Log in again.',
  },
  request_invalid: { status: 400, retry: false, meaning: 'The request does not fit the API.' },
  method_not_allowed: { status: 405, retry: false, meaning: 'The URL exists, but not with this HTTP method.' },
  not_acceptable: {
    status: 406,
    retry: false,
    meaning: 'The answer has none of the forms that the Accept header allows; the message names those there are.',
  },
  media_type_unsupported: {
    status: 415,
    retry: false,
    meaning: 'The Content-Type is not one the API reads; send JSON.',
  },
  not_found: { status: 404, retry: false, meaning: 'There is no such resource.' },
  conflict: { status: 409, retry: false, meaning: 'The resource exists already.' },
  fence_invalid: {
    status: 422,
    retry: false,
    meaning: 'The fence is not valid GeoJSON geometry; the message names the position of the fault.',
  },
  alert_unknown: { status: 404, retry: false, meaning: 'There is no SOS alert of that id.' },
  sos_amended: {
    status: 202,
    retry: false,
    meaning: 'The SOS stands and is announced, but parts of it could not be used; the message says which.',
  },
  alert_closed: { status: 409, retry: false, meaning: 'The SOS alert is already closed.' },
  command_unknown: { status: 404, retry: false, meaning: 'There is no command of that id for the device.' },
  command_conflict: {
    status: 409,
    retry: false,
    meaning: 'The device has another command of that id; choose a new id for a new command.',
  },
  command_closed: {
    status: 409,
    retry: false,
    meaning: 'The command is past that: it was sent already, has ended, or waits for no confirmation.',
  },
  command_unsupported: {
    status: 422,
    retry: false,
    meaning: 'The protocol of the device has no such command, or not with these arguments.',
  },
  command_limit: {
    status: 429,
    retry: false,
    meaning: 'As many commands wait for the device as may; cancel some, or let them expire.',
  },
  second_person_needed: {
    status: 403,
    retry: false,
    meaning: 'The command takes a second person: whoever asked for it cannot confirm it.',
  },
  replay_busy: {
    status: 503,
    retry: true,
    meaning: 'Too many replays wait for their turn already; they run one at a time, behind live traffic.',
  },
  incident_unknown: { status: 404, retry: false, meaning: 'There is no incident of that id.' },
  incident_closed: { status: 409, retry: false, meaning: 'The incident is already closed.' },
  share_unknown: { status: 404, retry: false, meaning: 'There is no share link of that id, or with that code.' },
  share_ended: {
    status: 410,
    retry: false,
    meaning:
      'The share link shows nothing any more: revoked, past its time, opened often enough, or its maker lost the device.',
  },
  overloaded: {
    status: 503,
    retry: true,
    meaning: 'More waits for the database than can be kept; this was not stored. Retry-After says how long to wait.',
  },
  storage_unavailable: { status: 503, retry: true, meaning: 'The database does not answer; nothing was stored.' },
  shutting_down: { status: 503, retry: true, meaning: 'The platform is stopping; nothing was stored.' },
  internal: { status: 500, retry: true, meaning: 'An unexpected fault; the log has the details.' },
} as const satisfies Record<string, { status: number; retry: boolean; meaning: string }>

export type ErrorCode = keyof typeof ERRORS

/** A refusal that the outside is told about. `message` names the cause and the remedy in one sentence. */
export class TrackwireError extends Error {
  override readonly name = 'TrackwireError'
  readonly code: ErrorCode
  /** Machine-readable extras: `{ path }` of a schema fault, `{ position }` of a geometry fault, `{ index }` in a batch. */
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(code: ErrorCode, message?: string, options?: { cause?: unknown; details?: Record<string, unknown> }) {
    super(message ?? ERRORS[code].meaning, options?.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options?.details
  }

  /** The HTTP status this code maps to. */
  get status(): number {
    return ERRORS[this.code].status
  }
}

import type { Queryable } from './database.ts'

export interface CertificateKey {
  readonly org: string
  readonly deviceId: string
  /** SHA-256 of the DER, lower-case hexadecimal. */
  readonly fingerprint: string
}

export interface SeenCertificate extends CertificateKey {
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  readonly validFromMs: number
  readonly validToMs: number
  readonly seenAt: number
}

/** Null is what is not known of a certificate that was revoked before it was seen. */
export interface CertificateRow {
  readonly fingerprint: string
  readonly subject: string | null
  readonly issuer: string | null
  readonly serial: string | null
  readonly validFrom: number | null
  readonly validTo: number | null
  readonly firstSeen: number | null
  readonly lastSeen: number | null
  readonly revokedAt: number | null
  readonly revokedBy: string | null
}

export async function recordSeenCertificates(db: Queryable, seen: readonly SeenCertificate[]): Promise<void> {
  await db.query(
    `insert into device_certificates as c
       (org, device_id, fingerprint, subject, issuer, serial, valid_from, valid_to, first_seen, last_seen)
     select org, "deviceId", fingerprint, subject, issuer, serial, "validFromMs", "validToMs", "seenAt", "seenAt"
     from jsonb_to_recordset($1::jsonb) as n(org text, "deviceId" text, fingerprint text, subject text, issuer text,
       serial text, "validFromMs" bigint, "validToMs" bigint, "seenAt" bigint)
     order by org, "deviceId", fingerprint
     on conflict (org, device_id, fingerprint) do update set subject = excluded.subject, issuer = excluded.issuer,
       serial = excluded.serial, valid_from = excluded.valid_from, valid_to = excluded.valid_to,
       first_seen = coalesce(c.first_seen, excluded.first_seen), last_seen = excluded.last_seen`,
    [JSON.stringify(seen)],
  )
}

/** Newest first, at most as many as anybody reads. */
export function listCertificates(db: Queryable, org: string, deviceId: string): Promise<CertificateRow[]> {
  return db.query(
    `select fingerprint, subject, issuer, serial, valid_from as "validFrom", valid_to as "validTo",
       first_seen as "firstSeen", last_seen as "lastSeen", revoked_at as "revokedAt", revoked_by as "revokedBy"
     from device_certificates where org = $1 and device_id = $2
     order by coalesce(last_seen, revoked_at) desc, fingerprint limit 1000`,
    [org, deviceId],
  )
}

/** Also one that has never been seen. Revoking again changes nothing. */
export async function revokeCertificate(
  db: Queryable,
  { org, deviceId, fingerprint }: CertificateKey,
  by: string,
  nowMs: number,
): Promise<void> {
  await db.query(
    `insert into device_certificates as c (org, device_id, fingerprint, revoked_at, revoked_by) values ($1, $2, $3, $4, $5)
     on conflict (org, device_id, fingerprint) do update set
       revoked_at = coalesce(c.revoked_at, excluded.revoked_at), revoked_by = coalesce(c.revoked_by, excluded.revoked_by)`,
    [org, deviceId, fingerprint, nowMs, by],
  )
}

/** Those revoked at this time or later. */
export function loadRevokedCertificates(db: Queryable, sinceMs: number): Promise<CertificateKey[]> {
  return db.query('select org, device_id as "deviceId", fingerprint from device_certificates where revoked_at >= $1', [
    sinceMs,
  ])
}

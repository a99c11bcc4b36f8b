-- One-time codes with which a device, or whoever installs it, fetches its credentials. Only a hash of the code is kept.
create table claim_codes (
  org text not null,
  id bigint generated always as identity,
  device_id text not null,
  code_hash text not null unique,
  -- Claiming it ends every token that the device had before.
  revokes boolean not null,
  created_by text not null,
  created_at bigint not null,
  expires_at bigint not null,
  cancelled_at bigint,
  claimed_at bigint,
  claimed_from text,
  primary key (org, id),
  foreign key (org, device_id) references devices on delete cascade
);
create index claim_codes_of_device on claim_codes (org, device_id, id desc);

-- Devices that nobody has registered, and that were heard all the same.
create table unknown_devices (
  org text not null,
  device_id text not null,
  state text not null default 'waiting' check (state in ('waiting', 'dismissed', 'blocked')),
  first_seen bigint not null,
  last_seen bigint not null,
  count bigint not null,
  channel text not null,
  last_message jsonb not null,
  sender text not null,
  sender_role text not null,
  address text,
  primary key (org, device_id)
);
create index unknown_devices_by_age on unknown_devices (org, last_seen desc, device_id);

-- Their newest fixes, which become history when they are adopted.
create table unknown_device_fixes (
  org text not null,
  device_id text not null,
  fix_time bigint not null,
  received_at bigint not null,
  fix jsonb not null,
  primary key (org, device_id, fix_time),
  foreign key (org, device_id) references unknown_devices on delete cascade
);

-- Client certificates that devices have shown, and those that are not to be let in.
create table device_certificates (
  org text not null,
  device_id text not null,
  -- SHA-256 of the DER, lower-case hexadecimal.
  fingerprint text not null,
  subject text,
  issuer text,
  serial text,
  valid_from bigint,
  valid_to bigint,
  first_seen bigint,
  last_seen bigint,
  revoked_at bigint,
  revoked_by text,
  primary key (org, device_id, fingerprint)
);
create index device_certificates_revoked on device_certificates (revoked_at) where revoked_at is not null;

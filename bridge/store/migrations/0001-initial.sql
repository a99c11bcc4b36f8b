-- Times are milliseconds since the Unix epoch, as on the wire.

create table organisations (
  org text primary key,
  created_at bigint not null
);

create table devices (
  org text not null references organisations,
  device_id text not null,
  name text,
  groups text[] not null default '{}',
  created_at bigint not null,
  primary key (org, device_id)
);

-- One row a device: its newest fix and what the engine must remember. `version` lets two nodes that meet the same device notice it.
create table device_state (
  org text not null,
  device_id text not null,
  version bigint not null,
  newest_time bigint,
  newest jsonb,
  engine jsonb not null,
  primary key (org, device_id)
) with (fillfactor = 60); -- Rewritten with every group of fixes: room for the new version on the same page keeps the index still.

-- History, in day partitions made as fixes arrive; whatever lies outside the retention window stays in the default partition.
create table fixes (
  org text not null,
  device_id text not null,
  fix_time bigint not null,
  received_at bigint not null,
  lat double precision not null,
  lng double precision not null,
  accuracy double precision,
  speed double precision,
  heading double precision,
  altitude double precision,
  details jsonb,
  primary key (org, device_id, fix_time)
) partition by range (fix_time);
create table fixes_default partition of fixes default;
create index fixes_by_time on fixes using brin (fix_time);

-- Fixes that cannot be trusted, kept for a person to judge.
create table set_aside (
  org text not null,
  device_id text not null,
  reason text not null,
  fix_time bigint not null,
  received_at bigint not null,
  fix jsonb not null,
  primary key (org, device_id, reason, fix_time)
);

create table fences (
  org text not null references organisations,
  fence_id text not null,
  feature jsonb not null,
  updated_at bigint not null,
  primary key (org, fence_id)
);

-- What was announced of fences, by its deterministic id: the same crossing is stored once.
create table events (
  org text not null,
  id text not null,
  seq bigint generated always as identity,
  event text not null,
  device_id text not null,
  fence_id text,
  event_time bigint not null,
  stored_at bigint not null,
  body jsonb not null,
  primary key (org, id)
);
create index events_by_time on events (org, event_time desc, seq desc);
create index events_by_device on events (org, device_id, event_time desc, seq desc);

create table sos_alerts (
  org text not null,
  alert_id text not null,
  device_id text not null,
  state text not null check (state in ('open', 'acknowledged', 'resolved', 'cancelled')),
  opened_at bigint not null,
  closed_at bigint,
  version bigint not null,
  body jsonb not null,
  primary key (org, alert_id)
);
create unique index sos_one_open_per_device on sos_alerts (org, device_id) where state in ('open', 'acknowledged');
create index sos_by_time on sos_alerts (org, opened_at desc);

-- Every request id a device ever sent, so that a repeat is one alert, also after it was closed.
create table sos_requests (
  org text not null,
  device_id text not null,
  request_id text not null,
  alert_id text not null,
  primary key (org, device_id, request_id)
);

create table sos_events (
  org text not null,
  id text not null,
  seq bigint generated always as identity,
  alert_id text not null,
  event text not null,
  event_time bigint not null,
  stored_at bigint not null,
  -- The principal that sent it, beside the `by` that the event shows.
  principal text,
  body jsonb not null,
  primary key (org, id)
);
create index sos_events_by_alert on sos_events (org, alert_id, seq);

-- What is still to be announced, in order. A row goes when the broker has taken its message.
create table outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  payload text not null,
  qos smallint not null,
  retain boolean not null,
  created_at bigint not null
);

-- When a periodic duty (retention) last ran, whichever process did it.
create table duties (
  duty text primary key,
  ran_at bigint not null
);

create table users (
  org text not null references organisations,
  user_id text not null,
  role text not null,
  password_hash text not null,
  devices text[] not null default '{}',
  created_at bigint not null,
  primary key (org, user_id)
);
create unique index users_by_id on users (user_id);

create table refresh_tokens (
  token_hash text primary key,
  family text not null,
  org text not null,
  user_id text not null,
  created_at bigint not null,
  expires_at bigint not null,
  used_at bigint,
  revoked_at bigint
);
create index refresh_tokens_by_family on refresh_tokens (family);

-- Alerts that people look after. `body` is the geofence engine's own JSON; the columns are what is searched by.
create table incidents (
  org text not null,
  incident_id text not null,
  dedupe_key text not null,
  kind text not null,
  state text not null check (state in ('open', 'acknowledged', 'closed')),
  -- Whether its condition lasted long enough to be shown to anyone.
  shown boolean not null,
  device_id text,
  other_device_id text,
  -- The storm that speaks for it.
  part_of text,
  opened_at bigint not null,
  -- By the platform's clock: when it last began to be news, and when somebody has to look at it again.
  noticed_at bigint not null,
  due_at bigint,
  body jsonb not null,
  primary key (org, incident_id)
) with (fillfactor = 80);
create unique index incidents_one_open_per_key on incidents (org, dedupe_key) where state <> 'closed';
create index incidents_by_key on incidents (org, dedupe_key, opened_at desc);
create index incidents_by_time on incidents (org, opened_at desc, incident_id desc) where shown;
create index incidents_by_device on incidents (org, device_id, opened_at desc);
create index incidents_noticed on incidents (org, kind, noticed_at) where state <> 'closed';
create index incidents_of_storm on incidents (org, part_of) where part_of is not null;
create index incidents_due on incidents (due_at) where due_at is not null;

-- Everything that happened to an incident; written once, never changed.
create table incident_events (
  seq bigint generated always as identity primary key,
  org text not null,
  incident_id text not null,
  -- By the platform's clock.
  at bigint not null,
  change text not null,
  event_id text,
  body jsonb not null
);
create index incident_events_by_incident on incident_events (org, incident_id, seq);
create index incident_events_by_event on incident_events (org, event_id) where event_id is not null;

create table incident_settings (
  org text primary key references organisations,
  settings jsonb not null,
  updated_at bigint not null
);

-- Devices that are watched for silence and lost sessions, all by the platform's clock. `due_at` is looked at lazily: a device that
-- was heard meanwhile gets a later one then.
create table connectivity (
  org text not null,
  device_id text not null,
  heard_at bigint not null,
  session_ended_at bigint,
  offline_since bigint,
  due_at bigint,
  primary key (org, device_id)
) with (fillfactor = 70);
create index connectivity_due on connectivity (due_at) where due_at is not null;

-- Which devices are watched for coming near each other, and which pairs are near or about to be.
create table proximity_rules (
  org text not null references organisations,
  rule_id text not null,
  rule jsonb not null,
  updated_at bigint not null,
  primary key (org, rule_id)
);
create table proximity_states (
  org text not null,
  rule_id text not null,
  device_id text not null,
  other_device_id text not null,
  state jsonb not null,
  primary key (org, rule_id, device_id, other_device_id)
);

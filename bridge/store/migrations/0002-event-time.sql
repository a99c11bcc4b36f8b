-- Events follow the times of the fixes, whatever order they arrive in. See docs/decisions/0006-event-time.md.

-- The engine's state of a device after the fix of that time: where the evaluation of a late fix starts, and where it may stop.
create table device_checkpoints (
  org text not null,
  device_id text not null,
  fix_time bigint not null,
  engine jsonb not null,
  primary key (org, device_id, fix_time)
);

-- `base_id` is what the engine calls the event, `id` what it was announced with; they differ when it was retracted and came again.
-- `cause_time` is the time of the fix (or of the clock) that decided it; null: nothing that arrives late can contradict it.
alter table events
  add column base_id text,
  add column revision int not null default 0,
  add column cause_time bigint,
  add column retracted_at bigint,
  add column retracts text;
update events set base_id = id, cause_time = event_time;
alter table events alter column base_id set not null;
create index events_by_cause on events (org, device_id, cause_time);
create index events_by_base on events (org, base_id) where revision > 0;

-- `heard_at`: when its newest fix was received. `due_at`: when, by the clock, somebody has to look what became of it; null: never.
-- `provisional`: what the clock announced and no fix has confirmed yet. `changes`: at which of its times it met which epoch.
alter table device_state
  add column heard_at bigint,
  add column due_at bigint,
  add column since_checkpoint int not null default 0,
  add column provisional jsonb,
  add column changes jsonb;
create index device_state_by_due on device_state (due_at) where due_at is not null;

-- What came of the fixes so far was evaluated in the order of arrival: it is settled, and event time begins here.
insert into device_checkpoints (org, device_id, fix_time, engine)
  select org, device_id, newest_time, engine from device_state where newest_time is not null;
update device_state set heard_at = newest_time, changes = jsonb_build_array(jsonb_build_object('epoch', 0, 'time', newest_time))
  where newest_time is not null;

-- Counts the changes of an organisation's fences, rules and groups; `fences.epoch` is the change a fence came with.
alter table organisations add column if not exists epoch bigint not null default 0;
alter table fences add column epoch bigint not null default 0;

-- Why there was an event, or none. `fix_time` is the moment it is about, `cause_time` the time of the fix that decided it (null: the
-- clock did): what is evaluated again takes the place of what was decided there.
create table decisions (
  seq bigint generated always as identity primary key,
  org text not null,
  device_id text not null,
  fix_time bigint not null,
  cause_time bigint,
  kind text not null,
  subject text not null,
  body jsonb not null
);
create index decisions_by_device on decisions (org, device_id, fix_time, seq);
create index decisions_by_cause on decisions (org, device_id, cause_time);
create index decisions_by_time on decisions using brin (fix_time);

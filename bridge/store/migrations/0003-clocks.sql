-- What a person decided about a fix that was set aside; judged ones stay, so that a repeat of theirs does not come back.
alter table set_aside add column id bigint generated always as identity;
alter table set_aside add column state text not null default 'waiting' check (state in ('waiting', 'accepted', 'dropped'));
alter table set_aside add column judged_by text;
alter table set_aside add column judged_at bigint;
-- The time with which it was accepted.
alter table set_aside add column accepted_time bigint;
create unique index set_aside_by_id on set_aside (org, id);
create index set_aside_waiting on set_aside (org, received_at desc, id desc) where state = 'waiting';

-- By how many seconds a device's clock was found ahead (negative: behind; 0: right again); the latest finding is the one that holds.
create table device_clocks (
  org text not null,
  device_id text not null,
  offset_seconds integer not null,
  kind text not null check (kind in ('future', 'lagging', 'right')),
  count integer not null,
  since bigint not null,
  learnt_at bigint not null,
  primary key (org, device_id, offset_seconds)
);

-- By how many seconds a device's clock is ahead, as a person says: its times are corrected by it.
create table clock_corrections (
  org text not null,
  device_id text not null,
  offset_seconds bigint not null,
  set_by text not null,
  set_at bigint not null,
  primary key (org, device_id)
);

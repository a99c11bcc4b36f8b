-- What devices are asked to do. A row is the command as it is now, command_events is how it came to be so.
create table commands (
  org text not null references organisations,
  device_id text not null,
  command_id text not null,
  seq bigint generated always as identity,
  name text not null,
  args jsonb not null,
  -- What was asked for, in one text: a repeat of the id is the same command or a conflict.
  request text not null,
  state text not null check (state in
    ('awaiting-confirmation', 'queued', 'sent', 'delivered', 'executed', 'failed', 'expired', 'cancelled')),
  -- Why a queued command is held back by its interlock; null: it waits for the device only.
  held text,
  created_by text not null,
  created_at bigint not null,
  expires_at bigint not null,
  confirmed_by text,
  confirmed_at bigint,
  transport text,
  attempts integer not null default 0,
  sent_at bigint,
  delivered_at bigint,
  ended_at bigint,
  result jsonb,
  error text,
  primary key (org, device_id, command_id)
);
create index commands_by_device on commands (org, device_id, seq desc);
create index commands_due on commands (expires_at) where state in ('awaiting-confirmation', 'queued', 'sent');

create table command_events (
  org text not null,
  device_id text not null,
  command_id text not null,
  seq bigint generated always as identity,
  at bigint not null,
  happening text not null,
  -- The state after it; the same as before for what came too late.
  state text not null,
  -- A person, or null: the device or the platform.
  by text,
  note text,
  primary key (org, device_id, command_id, seq),
  foreign key (org, device_id, command_id) references commands on delete cascade
);

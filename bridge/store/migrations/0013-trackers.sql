-- Alarms that devices raise themselves, by their kind. `memory` is the geofence engine's own JSON.
create table device_alarms (
  org text not null,
  device_id text not null,
  kind text not null,
  memory jsonb not null,
  -- By the platform's clock: when an open one is over should it not be raised again; null: none is open.
  due_at bigint,
  primary key (org, device_id, kind)
) with (fillfactor = 80);
create index device_alarms_due on device_alarms (due_at) where due_at is not null;

-- With which protocol a device first came to a tracker listener: another one does not speak for it.
create table tracker_pins (
  org text not null,
  device_id text not null,
  protocol text not null,
  pinned_at bigint not null,
  primary key (org, device_id)
);

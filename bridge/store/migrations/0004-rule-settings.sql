-- Counts the changes of an organisation's fences, rules and groups.
alter table organisations add column if not exists epoch bigint not null default 0;
-- The change with which the device's groups became what they are.
alter table devices add column groups_epoch bigint not null default 0;

-- The rules of an organisation, a group, a device. `subject` is the group's or the device's id, '' for the organisation.
-- Settings that were taken away stay as null: the change they went with still counts.
create table rule_settings (
  org text not null references organisations,
  scope text not null check (scope in ('organisation', 'group', 'device')),
  subject text not null,
  settings jsonb,
  epoch bigint not null,
  updated_at bigint not null,
  primary key (org, scope, subject)
);

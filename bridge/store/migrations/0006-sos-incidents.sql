-- When an alert asks for its next step; 0 = as soon as possible, to be computed. Survives whatever happens to the process.
alter table sos_alerts add column due_at bigint;
update sos_alerts set due_at = 0 where state in ('open', 'acknowledged');
create index sos_alerts_due on sos_alerts (due_at) where due_at is not null;

-- What a request said, as it was understood, and when it came.
alter table sos_requests add column received_at bigint, add column request jsonb;
create index sos_requests_by_alert on sos_requests (org, alert_id);

-- How an organisation escalates; the platform's default where there is no row.
create table sos_policies (
  org text primary key references organisations,
  policy jsonb not null,
  updated_at bigint not null,
  updated_by text not null
);

-- What became of an event on the channels that tell it: the broker took it, and what later channels report.
create table sos_receipts (
  org text not null,
  event_id text not null,
  channel text not null,
  target text not null,
  status text not null,
  received_at bigint not null,
  detail jsonb,
  primary key (org, event_id, channel, target, status)
);

-- The timeline of an incident is evidence: rows are added and never changed.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end
$$;
create trigger sos_events_append_only before update or delete on sos_events for each row execute function refuse_change();
create trigger sos_events_keep before truncate on sos_events for each statement execute function refuse_change();
create trigger sos_requests_append_only before update or delete on sos_requests for each row execute function refuse_change();
create trigger sos_requests_keep before truncate on sos_requests for each statement execute function refuse_change();
create trigger sos_receipts_append_only before update or delete on sos_receipts for each row execute function refuse_change();
create trigger sos_receipts_keep before truncate on sos_receipts for each statement execute function refuse_change();

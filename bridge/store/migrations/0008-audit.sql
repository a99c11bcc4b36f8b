-- Who changed what, when and from where. Evidence: rows are added and never changed (`refuse_change` comes with 0006).
create table audit_log (
  seq bigint generated always as identity primary key,
  org text not null,
  at bigint not null,
  -- The `sub` of whoever acted.
  actor text not null,
  -- A dotted name: `device.register`, `key.rotate`.
  action text not null,
  target text not null,
  detail jsonb,
  -- Where the request came from; null when it came by no network.
  address text
);
create index audit_log_by_time on audit_log (org, at desc, seq desc);
create index audit_log_by_actor on audit_log (org, actor, at desc, seq desc);
create index audit_log_by_target on audit_log (org, target, at desc, seq desc);
create trigger audit_log_append_only before update or delete on audit_log for each row execute function refuse_change();
create trigger audit_log_keep before truncate on audit_log for each statement execute function refuse_change();

-- One-time codes of links that log in, by their SHA-256.
create table login_codes (
  code_hash text primary key,
  rights jsonb not null,
  expires_at bigint not null
);

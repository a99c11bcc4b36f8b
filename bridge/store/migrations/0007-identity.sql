-- An account without a password is for people who come with tokens of an outside identity provider.
alter table users
  alter column password_hash drop not null,
  add column groups text[] not null default '{}',
  add column disabled boolean not null default false,
  -- Tokens that were issued before have the role of the account, whatever they say.
  add column role_changed_at bigint;

create index refresh_tokens_by_user on refresh_tokens (user_id);
create index refresh_tokens_by_expiry on refresh_tokens (expires_at);

-- Users and devices that are shut out, whatever token they have.
create table bans (
  org text not null,
  sub text not null,
  -- null: until it is lifted
  until bigint,
  reason text,
  banned_at bigint not null,
  banned_by text not null,
  primary key (org, sub)
);

-- `token`: one token by its jti, or all of one log-in by its sid. `account`, `device`: all tokens of a user or a device issued before a time.
create table revocations (
  org text not null,
  kind text not null check (kind in ('token', 'account', 'device')),
  id text not null,
  -- Tokens issued before this time are revoked; null for `token`.
  before bigint,
  -- No such token is valid any more after this time, so the row can go; null = unknown, it stays.
  expires_at bigint,
  reason text not null,
  revoked_at bigint not null,
  revoked_by text not null,
  primary key (org, kind, id),
  check ((kind = 'token') = (before is null))
);
create index revocations_by_expiry on revocations (expires_at) where expires_at is not null;
create index revocations_by_time on revocations (org, revoked_at desc, kind, id);

-- What was changed of who may do what, written in the transaction of the change. Every node reads what is new and loads those facts again.
create table rights_changes (
  seq bigint generated always as identity primary key,
  org text not null,
  kind text not null check (kind in ('account', 'ban', 'device-groups', 'revoked-token', 'revoked-account', 'revoked-device')),
  id text not null,
  -- Whose rights it touches; null = anybody's of the organisation.
  sub text,
  changed_at bigint not null
);
create index rights_changes_by_time on rights_changes (changed_at);

-- Half of each page is left for the next version of its rows, so that no index has to follow them.
alter table device_state set (fillfactor = 50);
-- Rewritten with every group of fixes and read once after a start: kept as the text that it is, not taken apart.
alter table device_state
  alter newest type json,
  alter engine type json,
  alter provisional type json,
  alter changes type json;

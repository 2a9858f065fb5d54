"""Scripts that Redis runs in one step: write records, of which the newest is kept, or delete them, and announce it.

A record expires when nothing was written to its key for the retention of its view. A hash expires with the newest of
its records: each record that is added to it looks at two random others, and removes those that are older by that much.
"""

# KEYS: one a record, then the change stream. ARGV: the latest event time, calls that the stream keeps, seconds until
# a record expires or 0 for never, the records, then their fields if they have any.
WRITE = """
local limit, remembered, retention = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local stream, rows = KEYS[#KEYS], #KEYS - 1
local accepted, same, older, future, changed = 0, 0, 0, 0, {}
local function announce(key, field)
  changed[#changed + 1] = field and key .. '\\31' .. field or key
  changed[#changed + 1] = ''
end
for i = 1, rows do
  local key, new, field = KEYS[i], ARGV[i + 3], ARGV[i + 3 + rows]
  local event, created = struct.unpack('<i8i8', new, 9)
  if event > limit then
    future = future + 1
  else
    local old = field and redis.call('HGET', key, field) or not field and redis.call('GET', key)
    local wins = true
    if old == new then
      wins, same = false, same + 1
    elseif old then
      local old_event, old_created = struct.unpack('<i8i8', old, 9)
      wins = old_event > limit or event > old_event or (event == old_event and created >= old_created)
      if not wins then older = older + 1 end
    end
    if wins then
      if field then redis.call('HSET', key, field, new) else redis.call('SET', key, new) end
      accepted = accepted + 1
      announce(key, field)
      if retention > 0 then redis.call('EXPIRE', key, retention) end
      local grows = retention > 0 and field and not old
      local others = grows and redis.call('HRANDFIELD', key, 2, 'WITHVALUES') or {}
      for j = 1, #others, 2 do
        if struct.unpack('<i8', others[j + 1], 9) < event - retention * 1000000 then
          redis.call('HDEL', key, others[j])
          announce(key, others[j])
        end
      end
    end
  end
end
if accepted > 0 then redis.call('XADD', stream, 'MAXLEN', '~', remembered, '*', unpack(changed)) end
return {accepted, same, older, future}
"""

# KEYS: one a record, then the change stream. ARGV: how many calls the stream keeps, then fields if there are any.
DELETE = """
local gone, changed = 0, {}
for i = 1, #KEYS - 1 do
  local key, field = KEYS[i], ARGV[i + 1]
  gone = gone + (field and redis.call('HDEL', key, field) or not field and redis.call('DEL', key))
  changed[#changed + 1] = field and key .. '\\31' .. field or key
  changed[#changed + 1] = ''
end
if gone > 0 then redis.call('XADD', KEYS[#KEYS], 'MAXLEN', '~', ARGV[1], '*', unpack(changed)) end
return gone
"""

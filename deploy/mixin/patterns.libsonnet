// Replaces values in a line by patterns such as '< %(planExpiredDays)s * 86400': the text around a value is fixed, and the
// value is what the line has between.
local parse(pattern) =
  local parts = std.split(pattern, '%(');
  local slots = [std.splitLimit(part, ')s', 1) for part in parts[1:]];
  { before: parts[0], names: [slot[0] for slot in slots], after: [slot[1] for slot in slots] };

// The line's rest with the values of the names from `index` on, or null if the pattern does not match there.
local fill(parsed, rest, values, index) =
  if index == std.length(parsed.names) then rest else
    local after = parsed.after[index];
    // A pattern that ends with a value matches up to the end of the line.
    local parts = if after == '' then ['', ''] else std.splitLimit(rest, after, 1);
    local following = if std.length(parts) == 2 then fill(parsed, parts[1], values, index + 1);
    if following == null then null else values[parsed.names[index]] + after + following;

{
  // The line with the values, or null if it does not match. The last match counts.
  match(pattern, line, values)::
    local parsed = parse(pattern);
    local parts = std.split(line, parsed.before);
    std.foldl(
      function(found, index)
        local rest = fill(parsed, std.join(parsed.before, parts[index:]), values, 0);
        if rest == null then found else std.join(parsed.before, parts[:index] + [rest]),
      std.range(1, std.length(parts) - 1),
      null
    ),

  apply(patterns, line, values)::
    std.foldl(
      function(text, pattern)
        local filled = $.match(pattern, text, values);
        if filled == null then text else filled,
      patterns,
      line
    ),
}

<?php
// WHMCS's database as far as the module uses it: tables of rows in memory, with the query builder's words.

namespace WHMCS\Database;

final class Capsule
{
    /** @var array<string, array<int, array>> */
    public static array $tables = [];
    /** @var array<string, string[]> the columns of tables where versions of WHMCS differ */
    public static array $columns = [];
    /** Whether the database says which columns there are. */
    public static bool $listsColumns = true;

    public static function table(string $name): Query
    {
        return new Query($name);
    }

    public static function schema(): Schema
    {
        return new Schema();
    }
}

final class Schema
{
    /** As MySQL answers: of a table that is not there, nothing. */
    public function getColumnListing(string $table): array
    {
        if (Capsule::$tables === [] || !Capsule::$listsColumns) {
            throw new \RuntimeException('no columns to be had');
        }
        return isset(Capsule::$tables[$table]) ? Capsule::$columns[$table] ?? [] : [];
    }
}

final class Query
{
    private array $tests = [];
    private ?array $order = null;
    private ?int $most = null;

    public function __construct(private string $table)
    {
        if (!isset(Capsule::$tables[$table])) {
            throw new \RuntimeException("no table $table");
        }
    }

    public function where(string $column, $value, $text = null): self
    {
        $this->known([$column]);
        if ($value === 'like') {
            $pattern = '/^' . str_replace('%', '.*', preg_quote((string) $text, '/')) . '$/Dis';
            $this->tests[] = static fn (array $row) => preg_match($pattern, (string) $row[$column]) === 1;
            return $this;
        }
        // MySQL compares names without regard to case, and to blanks behind them.
        $this->tests[] = static fn (array $row) => strcasecmp(rtrim((string) $row[$column], ' '), rtrim((string) $value, ' ')) === 0;
        return $this;
    }

    public function whereIn(string $column, array $values): self
    {
        $this->known([$column]);
        $this->tests[] = static fn (array $row) => in_array((string) $row[$column], array_map('strval', $values), true);
        return $this;
    }

    public function orderBy(string $column, string $direction = 'asc'): self
    {
        $this->order = [$column, $direction === 'desc' ? -1 : 1];
        return $this;
    }

    public function limit(int $most): self
    {
        $this->most = $most;
        return $this;
    }

    public function get(array $columns = ['*']): \ArrayIterator
    {
        $this->known(array_diff($columns, ['*']));
        $shown = static fn (array $row) => (object) ($columns === ['*'] ? $row : array_intersect_key($row, array_flip($columns)));
        $rows = array_values($this->rows());
        [$column, $sign] = $this->order ?? ['', 0];
        usort($rows, static fn ($one, $other) => $sign * (($one[$column] ?? 0) <=> ($other[$column] ?? 0)));
        return new \ArrayIterator(array_map($shown, array_slice($rows, 0, $this->most)));
    }

    public function first(array $columns = ['*']): ?object
    {
        return $this->get($columns)[0] ?? null;
    }

    public function update(array $fields): int
    {
        $rows = $this->rows();
        foreach ($rows as $place => $row) {
            Capsule::$tables[$this->table][$place] = $fields + $row;
        }
        return count($rows);
    }

    public function updateOrInsert(array $key, array $fields): bool
    {
        foreach ($key as $column => $value) {
            $this->where($column, $value);
        }
        if ($this->update($fields) === 0) {
            Capsule::$tables[$this->table][] = $fields + $key;
        }
        return true;
    }

    /** @param string[] $columns must be there where the table's columns are written down */
    private function known(array $columns): void
    {
        $unknown = array_diff($columns, Capsule::$columns[$this->table] ?? $columns);
        if ($unknown !== []) {
            throw new \RuntimeException('unknown column ' . implode(', ', $unknown) . " of $this->table");
        }
    }

    private function rows(): array
    {
        $fits = fn (array $row) => array_reduce($this->tests, static fn ($so, $test) => $so && $test($row), true);
        return array_filter(Capsule::$tables[$this->table], $fits);
    }
}

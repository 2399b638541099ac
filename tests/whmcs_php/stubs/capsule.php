<?php
// WHMCS's database as far as the module uses it: tables of rows in memory, with the query builder's words.

namespace WHMCS\Database;

final class Capsule
{
    /** @var array<string, array<int, array>> */
    public static array $tables = [];

    public static function table(string $name): Query
    {
        return new Query($name);
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
        if ($value === 'like') {
            $part = trim((string) $text, '%');
            $this->tests[] = static fn (array $row) => stripos((string) $row[$column], $part) !== false;
            return $this;
        }
        // MySQL compares names without regard to case.
        $this->tests[] = static fn (array $row) => strcasecmp((string) $row[$column], (string) $value) === 0;
        return $this;
    }

    public function whereIn(string $column, array $values): self
    {
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

    private function rows(): array
    {
        $fits = fn (array $row) => array_reduce($this->tests, static fn ($so, $test) => $so && $test($row), true);
        return array_filter(Capsule::$tables[$this->table], $fits);
    }
}

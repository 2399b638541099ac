<?php
// What custom fields of one name hold: usernames of add-ons, and the numbers by which a panel's module knows its servers.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class CustomField
{
    /** @param array<string, string[]> $values by service or add-on as sold and its product or definition */
    private function __construct(private array $values)
    {
    }

    /** @param string $type 'product' or 'addon' */
    public static function read(string $type, string $name): self
    {
        $fields = self::fields($type, $name);
        $values = [];
        if ($fields && Columns::hasAll('tblcustomfieldsvalues', ['fieldid', 'relid', 'value'])) {
            $rows = Capsule::table('tblcustomfieldsvalues')->whereIn('fieldid', array_keys($fields))->get(['fieldid', 'relid', 'value']);
            foreach ($rows as $row) {
                $value = Stored::text($row->value);
                if ($value !== '') {
                    $values[self::key((int) $row->relid, $fields[(int) $row->fieldid])][] = $value;
                }
            }
        }
        return new self($values);
    }

    /** Null where none is given, or different ones: which account is meant would be a guess. */
    public function of(int $id, int $definition): ?string
    {
        $reported = array_unique($this->values[self::key($id, $definition)] ?? []);
        return count($reported) === 1 ? reset($reported) : null;
    }

    /** @return array<int, int> id of the product or definition by id of the field */
    private static function fields(string $type, string $name): array
    {
        $fields = [];
        if (Columns::hasAll('tblcustomfields', ['id', 'type', 'relid', 'fieldname'])) {
            foreach (Capsule::table('tblcustomfields')->where('type', $type)->get(['id', 'relid', 'fieldname']) as $field) {
                // What stands behind a bar is shown to the customer in its place.
                if (strcasecmp(trim(explode('|', (string) $field->fieldname)[0]), $name) === 0) {
                    $fields[(int) $field->id] = (int) $field->relid;
                }
            }
        }
        return $fields;
    }

    /** A value stays when a service is changed into another: it counts for the product whose field it is. */
    private static function key(int $id, int $definition): string
    {
        return "$id/$definition";
    }
}

<?php
// Usernames of add-ons: tblhostingaddons has no place for them, so WHMCS keeps them in custom fields called Username.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class AddonUsernames
{
    /** @param array<string, string[]> $values by add-on as sold and its definition */
    private function __construct(private array $values)
    {
    }

    public static function read(): self
    {
        $fields = self::fields();
        $values = [];
        if ($fields && Columns::hasAll('tblcustomfieldsvalues', ['fieldid', 'relid', 'value'])) {
            $rows = Capsule::table('tblcustomfieldsvalues')->whereIn('fieldid', array_keys($fields))->get(['fieldid', 'relid', 'value']);
            foreach ($rows as $row) {
                $value = trim((string) $row->value);
                if ($value !== '') {
                    $values[self::key((int) $row->relid, $fields[(int) $row->fieldid])][] = $value;
                }
            }
        }
        return new self($values);
    }

    /** Null where none is given, or different ones: which account it is would be a guess. */
    public function of(int $id, int $definition): ?string
    {
        $reported = array_unique($this->values[self::key($id, $definition)] ?? []);
        return count($reported) === 1 ? reset($reported) : null;
    }

    /** @return array<int, int> id of the definition by id of the field */
    private static function fields(): array
    {
        $fields = [];
        if (Columns::hasAll('tblcustomfields', ['id', 'type', 'relid', 'fieldname'])) {
            foreach (Capsule::table('tblcustomfields')->where('type', 'addon')->get(['id', 'relid', 'fieldname']) as $field) {
                // What stands behind a bar is shown to the customer in its place.
                if (strcasecmp(trim(explode('|', (string) $field->fieldname)[0]), 'Username') === 0) {
                    $fields[(int) $field->id] = (int) $field->relid;
                }
            }
        }
        return $fields;
    }

    /** A value stays when an add-on is changed into another: it counts for the one whose field it is. */
    private static function key(int $id, int $definition): string
    {
        return "$id/$definition";
    }
}

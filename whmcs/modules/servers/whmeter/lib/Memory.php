<?php
// What the module remembers from one run of WHMCS to the next, in rows of tblconfiguration.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Memory
{
    public const PUSHED = 'WhmeterPushed';
    public const NOTICES = 'WhmeterNotices';
    public const COMPANIONS = 'WhmeterCompanions';
    public const COLLECTED = 'WhmeterCollected';

    public static function read(string $row): array
    {
        $found = Capsule::table('tblconfiguration')->where('setting', $row)->first(['value']);
        $read = json_decode((string) ($found->value ?? ''), true);
        return is_array($read) ? $read : [];
    }

    /** @param array $fields null forgets one; the others stay as they are */
    public static function keep(string $row, array $fields): void
    {
        if ($fields) {
            $all = array_filter($fields + self::read($row), static fn ($field) => $field !== null);
            Capsule::table('tblconfiguration')->updateOrInsert(['setting' => $row], ['value' => json_encode($all, JSON_INVALID_UTF8_SUBSTITUTE)]);
        }
    }
}

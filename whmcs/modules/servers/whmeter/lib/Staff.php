<?php
// Who of the staff is logged in, for whmeter's audit.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class Staff
{
    private const LONGEST_NAME = 48;

    /** The username, as much of it as a line of a request's head may have; empty where nobody is. */
    public static function name(): string
    {
        $id = (int) ($_SESSION['adminid'] ?? 0);
        return $id === 0 ? '' : Safely::run('staff', [], static function () use ($id): string {
            $row = Capsule::table('tbladmins')->where('id', $id)->first(['username']);
            $name = substr(Stored::text($row->username ?? ''), 0, self::LONGEST_NAME);
            return 'WHMCS admin ' . ($name === '' ? $id : preg_replace('/[^\x21-\x7e]/', '?', $name));
        }, static fn () => "WHMCS admin $id");
    }
}

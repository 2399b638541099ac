<?php
// Tells the Activity Log what is wrong, once when it begins and once when it is over.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Notice
{
    /** @param string $trouble what is wrong now; empty when nothing is */
    public static function state(string $about, string $trouble): void
    {
        // How long it took changes with every try; what is wrong does not.
        $state = $trouble === '' ? null : md5(preg_replace('/\d+(?= (?:ms|milliseconds|seconds|bytes|out of)\b)/', '#', $trouble));
        $remembered = Memory::read(Memory::NOTICES)[$about] ?? null;
        if ($state === $remembered) {
            return;
        }
        Memory::keep(Memory::NOTICES, [$about => $state]);
        if (function_exists('logActivity')) {
            logActivity($trouble === '' ? "whmeter: $about: well again" : "whmeter: $about: $trouble");
        }
    }
}

<?php
// Tells the Activity Log what is wrong, once when it begins and once when it is over.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Notice
{
    /** As much of a text as is of use to whoever reads it. */
    private const LONGEST = 600;

    /** @param string $trouble what is wrong now; empty when nothing is */
    public static function state(string $about, string $trouble): void
    {
        $trouble = strlen($trouble) > self::LONGEST ? substr($trouble, 0, self::LONGEST) . ' …' : $trouble;
        $before = self::all()[$about] ?? '';
        if (self::plain($before) === self::plain($trouble)) {
            return;
        }
        Memory::keep(Memory::NOTICES, [$about => $trouble === '' ? null : $trouble]);
        if (function_exists('logActivity')) {
            logActivity("whmeter: $about: " . ($trouble === '' ? 'well again' : $trouble));
        }
    }

    /** @return array<string, string> what is wrong now, by what it is about */
    public static function all(): array
    {
        return array_filter(Memory::read(Memory::NOTICES), 'is_string');
    }

    /** How long it took changes with every try; what is wrong does not. */
    private static function plain(string $trouble): string
    {
        return (string) preg_replace('/\d+(?= (?:ms|milliseconds|seconds|bytes|out of)\b)/', '#', $trouble);
    }
}

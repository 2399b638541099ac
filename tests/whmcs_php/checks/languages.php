<?php
// The texts: twenty-seven languages with the same keys, none empty, and no file opened that is not one of them.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Module\Server\Whmeter\Texts;

$folder = getenv('WHMCS_ROOT') . '/modules/servers/whmeter/lang';
$file = static fn (string $language): array => require "$folder/$language.php";
$expected = explode(' ', 'arabic azerbaijani catalan chinese croatian czech danish dutch english estonian farsi french german '
    . 'hebrew hungarian italian macedonian norwegian polish portuguese-br portuguese-pt romanian russian spanish swedish turkish ukranian');

checks([
    'every language has exactly the keys of English, in its order' => static function () use ($file, $expected): void {
        $there = Texts::languages();
        sort($there);
        same($expected, $there, 'languages');
        foreach ($expected as $language) {
            same(array_keys($file('english')), array_keys($file($language)), $language);
            foreach ($file($language) as $key => $text) {
                holds(is_string($text) && trim($text) === $text && $text !== '', "$language has a text for $key");
                holds((bool) preg_match('//u', $text) && !preg_match('/[<>{}$|\\\\]/', $text), "$language: $key is plain text");
            }
        }
    },
    'right to left where it is written so' => static function () use ($file, $expected): void {
        foreach ($expected as $language) {
            $rtl = in_array($language, ['arabic', 'farsi', 'hebrew'], true);
            same($rtl ? 'rtl' : 'ltr', $file($language)['direction'], $language);
        }
    },
    'sentences are translated' => static function () use ($file, $expected): void {
        foreach (['unknown', 'too_soon', 'unreachable', 'no_account', 'no_history'] as $key) {
            $texts = array_map(static fn ($language) => $file($language)[$key], $expected);
            same(count($texts), count(array_unique($texts)), "all different: $key");
        }
    },
    'the customer\'s language: session, profile, system, English' => static function (): void {
        $unlimited = static fn (array $params = []) => Texts::ofClient($params)->get('unlimited');
        $client = static fn ($language) => ['clientsdetails' => ['language' => $language]];
        same('Unlimited', $unlimited(), 'English');
        $GLOBALS['CONFIG']['Language'] = 'french';
        same('Illimité', $unlimited($client('')), 'system');
        same('Bez limitu', $unlimited($client('polish')), 'profile');
        $_SESSION['Language'] = 'Hungarian';
        same('Korlátlan', $unlimited($client('polish')), 'session');
        $_SESSION['Language'] = 'ukrainian';
        same('Без обмежень', $unlimited(), 'both spellings');
    },
    'names that are no language open nothing' => static function (): void {
        $GLOBALS['CONFIG']['Language'] = 'english';
        foreach (['../settings.sample', '../../../x', 'english.php', "german\0", 'klingon', '', ['german'], 7, null] as $name) {
            $_SESSION['Language'] = $name;
            same('Unlimited', Texts::ofClient([])->get('unlimited'), json_encode($name));
        }
        unset($_SESSION['Language']);
    },
    'staff have a language of their own' => static function (): void {
        $_SESSION['adminlang'] = 'dutch';
        same('Beleid bijwerken', array_key_first(whmeter_AdminCustomButtonArray()), 'Dutch');
        same(['updatepolicy', 'setstandard', 'setlimited', 'recalc'], array_values(whmeter_AdminCustomButtonArray()), 'buttons');
        same(['Recalculate' => 'recalc'], whmeter_ClientAreaCustomButtonArray(), 'the customer has one');
        foreach (Texts::languages() as $language) {
            $_SESSION['adminlang'] = $language;
            same(4, count(whmeter_AdminCustomButtonArray()), "four different labels in $language");
        }
    },
]);
